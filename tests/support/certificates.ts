/** Certificates for tests: an authority and one server of it on loopback, made by the machine's openssl. */
import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']

/** All as PEM. */
export const serverCertificate = async (): Promise<{ readonly ca: string; readonly cert: string; readonly key: string }> => {
  const directory = await mkdtemp(join(tmpdir(), 'manor-certificates-'))
  const openssl = (...words: readonly string[]): void => void execFileSync('openssl', words, { cwd: directory, stdio: 'ignore' })
  try {
    openssl('req', '-x509', ...KEY, '-days', '2', '-subj', '/CN=test authority', '-keyout', 'ca-key.pem', '-out', 'ca.pem')
    await writeFile(join(directory, 'server.ext'), 'subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n')
    openssl('req', ...KEY, '-subj', '/CN=server', '-keyout', 'server-key.pem', '-out', 'server.csr')
    const signing = ['-CA', 'ca.pem', '-CAkey', 'ca-key.pem', '-CAcreateserial', '-days', '2', '-extfile', 'server.ext']
    openssl('x509', '-req', '-in', 'server.csr', ...signing, '-out', 'server.pem')
    const pem = (name: string): Promise<string> => readFile(join(directory, `${name}.pem`), 'utf8')
    return { ca: await pem('ca'), cert: await pem('server'), key: await pem('server-key') }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
