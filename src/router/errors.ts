export type RouterErrorCode = 'port-taken' | 'port-forbidden' | 'address-unavailable'

/** The router cannot listen; the sentence says the mend. */
export class RouterError extends Error {
  override readonly name = 'RouterError'
  readonly code: RouterErrorCode
  constructor(code: RouterErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** What the system said when it was asked for an address, in our words; anything else is passed on as it is. */
export const listenError = (cause: NodeJS.ErrnoException, host: string, port: number): Error => {
  switch (cause.code) {
    case 'EADDRINUSE':
      return new RouterError(
        'port-taken',
        `Port ${port} of ${host} is taken by another program: end that program, or choose another port with --port (0 takes any free one).`,
        { cause },
      )
    case 'EACCES':
      return new RouterError('port-forbidden', `Port ${port} may only be opened by root: choose one above 1023 with --port.`, { cause })
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new RouterError('address-unavailable', `This machine has no address ${host}: choose one that it has, for example 127.0.0.1.`, {
        cause,
      })
    default:
      return cause
  }
}
