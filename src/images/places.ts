/** Where things are in an image of ours. */
export const IMAGE_PATHS = {
  java: '/opt/manor/java',
  program: '/opt/manor/program',
  war: '/opt/manor/program/program.war',
  hook: '/opt/manor/hook',
  plugins: '/opt/manor/plugins',
  start: '/opt/manor/start',
} as const
