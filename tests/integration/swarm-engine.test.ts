/** The Swarm engine on a real Swarm of three daemons, held to the engines' conformance suite. Needs root. */
import { engineConformance } from '../../src/engines/conformance/index.ts'
import { swarmCapabilities, swarmHarness } from '../support/swarm-engine.ts'

// The suite runs several workloads of a core each at a time, and a Swarm keeps what they ask for free. It makes all daemons fall silent, managers
// too, for as long as a machine with other work may take for its looks: the Swarm must not have given its nodes up when they are back, since it
// would end what ran there. What is seen meanwhile, of a Swarm that does not answer, does not depend on its heartbeats.
engineConformance('swarm engine', swarmCapabilities, () => swarmHarness({ nodes: 3, managers: 1, heartbeatMs: 60_000 }))
