/**
 * `manor.yaml`: what an operator settles before a start. Pure: text in, a checked configuration out, or a ConfigError that names the path, the
 * value and what is allowed. Imports nothing of Manor but the model. Start at config.ts.
 */
export {
  type Config,
  ConfigError,
  type DockerConfig,
  ENGINE_KINDS,
  type EngineConfig,
  type EngineKind,
  type MarathonConfig,
  type MesosConfig,
  parseConfig,
  type SwarmConfig,
} from './config.ts'
export { problemIn } from './problem.ts'
