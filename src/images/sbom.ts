/** A part of an image, for its bill of materials. */
export type Component = {
  readonly kind: 'operating-system' | 'application' | 'library' | 'file'
  readonly name: string
  readonly version: string
  readonly sha256?: string
  readonly purl?: string
}

/**
 * A bill of materials as CycloneDX 1.5 JSON (ECMA-424). Without a serial number and a time, so that the same image has the same bill; it is
 * bound to its image by the id.
 */
export const billOf = (reference: string, imageId: string, components: readonly Component[]): string =>
  `${JSON.stringify(
    {
      bomFormat: 'CycloneDX',
      specVersion: '1.5',
      version: 1,
      metadata: {
        component: {
          type: 'container',
          name: reference,
          version: imageId,
          hashes: [{ alg: 'SHA-256', content: imageId.replace(/^sha256:/, '') }],
        },
      },
      components: components.map(({ kind, name, version, sha256, purl }) => ({
        type: kind,
        name,
        version,
        ...(sha256 === undefined ? {} : { hashes: [{ alg: 'SHA-256', content: sha256 }] }),
        ...(purl === undefined ? {} : { purl }),
      })),
    },
    null,
    2,
  )}\n`
