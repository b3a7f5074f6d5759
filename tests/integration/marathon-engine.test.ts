/** The Marathon engine held to the engines' conformance suite: over the double, or over the cluster of `./test marathon --url URL`. */
import { engineConformance } from '../../src/engines/conformance/index.ts'
import {
  clusterCapabilities,
  clusterFromEnvironment,
  clusterHarness,
  doubleCapabilities,
  doubleHarness,
} from '../support/marathon-engine.ts'

const cluster = clusterFromEnvironment()

if (cluster === undefined) engineConformance('marathon engine on the double', doubleCapabilities, doubleHarness)
else engineConformance(`marathon engine on ${cluster.urls.join(', ')}`, clusterCapabilities, () => clusterHarness(cluster))
