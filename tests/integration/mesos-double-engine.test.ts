/** The Mesos engine held to the engines' conformance suite, on the double of a Mesos. */
import { engineConformance } from '../../src/engines/conformance/index.ts'
import { doubleCapabilities, doubleHarness } from '../support/mesos-double.ts'

engineConformance('mesos engine on the double', doubleCapabilities, doubleHarness)
