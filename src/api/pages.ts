import { createHash } from 'node:crypto'

const STYLE =
  'body{font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:15vh auto;padding:0 1rem;color:#1b1f24;background:#fff}' +
  'code{font:14px ui-monospace,monospace;background:#eef1f4;padding:.15em .4em;border-radius:4px}' +
  '@media(prefers-color-scheme:dark){body{color:#e6e9ec;background:#14171a}code{background:#262b31}}'
const STYLE_HASH = `'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`

const COMMON_POLICY =
  "img-src 'self' data:; font-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
/** What the console's pages may load and talk to (w3.org/TR/CSP3): themselves, no inline script or style. */
export const CONSOLE_POLICY = `default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; manifest-src 'self'; ${COMMON_POLICY}`
/** Of the few pages that are written here: no script at all. */
export const PAGE_POLICY = `default-src 'none'; style-src ${STYLE_HASH}; ${COMMON_POLICY}`

/** A small page of its own, with everything escaped but `<code>` made of back-quoted words. */
export const page = (title: string, sentences: readonly string[]): string =>
  `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">` +
  `<title>${escapeHtml(title)} · Manor</title><style>${STYLE}</style></head><body><h1>${escapeHtml(title)}</h1>` +
  sentences.map(sentence => `<p>${escapeHtml(sentence).replaceAll(/`([^`]+)`/g, '<code>$1</code>')}</p>`).join('') +
  '</body></html>'

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
const escapeHtml = (text: string): string => text.replaceAll(/[&<>"']/g, character => ESCAPES[character] ?? character)
