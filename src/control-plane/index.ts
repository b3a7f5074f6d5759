/**
 * The control plane as a whole: the only room in which all others meet. It owns a Manor's home and the order in which rooms begin and end; it
 * decides nothing about controllers or agents. Start at start.ts (a Manor on this machine), then compose.ts (its loops, which the simulator
 * runs too).
 */
export { composePlane, type Plane, type PlanePorts } from './compose.ts'
export { StartError, type StartErrorCode } from './errors.ts'
export { type Layout, layoutOf } from './layout.ts'
export type { EngineOptions, OpenedEngine, StartDoubles } from './opened-engine.ts'
export { prepareHome } from './prepare-home.ts'
export { type RunFile, readRunFile } from './run-files.ts'
export { runSample, SAMPLE_JOB, type SampleNews, sampleIsDone } from './sample.ts'
export { type Manor, type ManorOptions, startManor } from './start.ts'
export { type Remaining, takeFleetDown } from './take-down.ts'
