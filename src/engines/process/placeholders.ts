const PLACEHOLDER = /\{dir\}|\{port:([^{}]*)\}/g

/** Puts the private directory and ports into a text. Every other brace stays as it is. Names that are no port are told to `unknown`. */
export const fillPlaceholders = (
  text: string,
  dir: string,
  ports: Readonly<Record<string, number>>,
  unknown: (name: string) => never,
): string =>
  text.replaceAll(PLACEHOLDER, (_whole, name: string | undefined) => {
    if (name === undefined) return dir
    return String(Object.hasOwn(ports, name) ? ports[name] : unknown(name))
  })
