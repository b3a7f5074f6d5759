/** The Swarm engine on a real Swarm of three daemons, held to the engines' conformance suite. Needs root. */
import { engineConformance } from '../../src/engines/conformance/index.ts'
import { swarmCapabilities, swarmHarness } from '../support/swarm-engine.ts'

// The suite runs several workloads of a core each at a time, and a Swarm keeps what they ask for free. Heartbeats as far apart as usual: a node
// that is silent for a moment is not given up.
engineConformance('swarm engine', swarmCapabilities, () => swarmHarness({ nodes: 3, managers: 1, heartbeatMs: 5_000 }))
