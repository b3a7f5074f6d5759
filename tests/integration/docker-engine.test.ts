/** The Docker engine on a real daemon, held to the engines' conformance suite. Needs root. */
import { engineConformance } from '../../src/engines/conformance/index.ts'
import { dockerCapabilities, dockerHarness } from '../support/docker-engine.ts'

engineConformance('docker engine', dockerCapabilities, () => dockerHarness())
