import { createHash } from 'node:crypto'
import type { Notice } from './notices.ts'

/** Everything the page looks like. It must not ask for another file: it stands in for a server that is not there. */
const STYLE = `
:root{color-scheme:light dark;--ground:#f6f7f9;--sheet:#fff;--ink:#1b2430;--quiet:#5a6675;--line:#dde2e8;--accent:#1f6feb;--trouble:#b3541e}
@media (prefers-color-scheme:dark){:root{--ground:#10151c;--sheet:#18202a;--ink:#e6ebf1;--quiet:#9aa7b6;--line:#2a3542;--accent:#6aa6ff;--trouble:#f0a36b}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.5rem;background:var(--ground);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif}
main{width:min(34rem,100%);background:var(--sheet);border:1px solid var(--line);border-radius:14px;padding:2rem 2.25rem;overflow-wrap:anywhere}
.state{display:flex;align-items:center;gap:.6rem;margin:0 0 1rem;color:var(--quiet);font-size:.875rem}
.mark{width:.75rem;height:.75rem;border-radius:50%;background:var(--quiet);flex:none}
.moving .mark{background:var(--accent);animation:breathe 1.6s ease-in-out infinite}
.trouble .mark{background:var(--trouble);border-radius:2px;transform:rotate(45deg)}
h1{margin:0 0 .5rem;font-size:1.5rem;line-height:1.25;font-weight:650;letter-spacing:-.01em}
p{margin:.5rem 0}
.mend{margin-top:1.25rem;padding:.75rem 1rem;border-left:3px solid var(--accent);background:var(--ground);border-radius:0 8px 8px 0}
.note{margin-top:1.5rem;padding-top:1rem;border-top:1px solid var(--line);color:var(--quiet);font-size:.875rem}
a{color:var(--accent)}
@keyframes breathe{50%{opacity:.3}}
@media (prefers-reduced-motion:reduce){.moving .mark{animation:none}}
`

/** Only this very style may be used and nothing may be loaded or run: a reason's text comes from elsewhere. */
export const PAGE_POLICY = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
const escaped = (text: string): string => text.replaceAll(/[&<>"']/g, character => ENTITIES[character] ?? '')

/** The page a browser is shown. It asks again by itself where that may help, by a header-like element instead of a script. */
export const pageOf = (notice: Notice, consoleUrl: string): string => {
  const { title, detail, mend, retryAfterSeconds, controller } = notice
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
${retryAfterSeconds === undefined ? '' : `<meta http-equiv="refresh" content="${retryAfterSeconds}">\n`}<title>${escaped(title)} · Manor</title>
<style>${STYLE}</style>
</head>
<body>
<main class="${moodOf(notice)}">
<p class="state" role="status"><span class="mark" aria-hidden="true"></span>${escaped(stateLine(notice))}</p>
<h1>${escaped(title)}</h1>
<p>${escaped(detail)}</p>
${mend === undefined ? '' : `<p class="mend">${escaped(mend)}</p>\n`}<p class="note">${retryAfterSeconds === undefined ? '' : 'This page asks again by itself. '}${
    controller === undefined ? '' : `<a href="${escaped(consoleUrl)}">Open Manor's console</a>`
  }</p>
</main>
</body>
</html>
`
}

/** How the mark looks: by colour, shape and motion, so that none of them has to be seen alone. */
const moodOf = ({ controller, code }: Notice): 'moving' | 'still' | 'trouble' => {
  if (controller === undefined || code !== `controller-${controller.phase}`) return 'trouble'
  switch (controller.phase) {
    case 'failed':
    case 'unreachable':
      return 'trouble'
    case 'stopped':
    case 'deleting':
      return 'still'
    default:
      return 'moving'
  }
}

const stateLine = ({ controller, status }: Notice): string =>
  controller === undefined ? `Status ${status}` : `${controller.phase} for ${durationOf(controller.sinceSeconds)}`

const durationOf = (seconds: number): string => {
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7_200) return `${Math.floor(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.floor(seconds / 3_600)} h` : `${Math.floor(seconds / 86_400)} days`
}
