/**
 * Where controllers' programs come from: found, downloaded, checked, cached, and the Java that runs them. Start at programs.ts (what is taken
 * and why), then jenkins-wars.ts, hudson-war.ts and bring-java.ts (where from), download.ts and files.ts (how it gets there whole).
 */
export { ProgramError, type ProgramErrorCode } from './errors.ts'
export type { ProgramsOptions } from './ports.ts'
export { createPrograms } from './programs.ts'
export type { RunCommand } from './run-command.ts'
