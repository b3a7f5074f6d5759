/**
 * Container images of controllers and agents, made on this machine without a network and without a container engine: a base root file system,
 * Java, a distribution's program, the hook and plugins, as an archive that Docker and its kin load (`docker load`). The same inputs give the
 * same bytes: entries are sorted, owned by root, dated 1970. Owns its directory of the cache; imports runtime and the controllers'
 * distributions. Start at build.ts.
 */
export { type BuiltImage, buildImage, IMAGE_KINDS, type ImageKind, type ImageRequest } from './build.ts'
export { ImageError } from './errors.ts'
export { type ImageLoader, programsInImages, programsInNamedImages } from './image-programs.ts'
export type { Base } from './root-file-system.ts'
