/**
 * The Mesos engine held to the engines' conformance suite, on a real Mesos: one that the test starts by itself, or `./test mesos --master URL`
 * on somebody else's (`--principal`, `--secret` and `--image` where it needs them), which is left as it was.
 */
import { engineConformance } from '../../src/engines/conformance/index.ts'
import { mesosCapabilities, mesosHarness } from '../support/mesos-engine.ts'

engineConformance('mesos engine', mesosCapabilities(), () => mesosHarness())
