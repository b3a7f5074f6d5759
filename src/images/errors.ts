export type ImageErrorCode = 'base-missing' | 'base-broken' | 'tool-missing' | 'plugins-missing'

/** An image cannot be made; the sentence says the mend. */
export class ImageError extends Error {
  override readonly name = 'ImageError'
  readonly code: ImageErrorCode
  constructor(code: ImageErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
