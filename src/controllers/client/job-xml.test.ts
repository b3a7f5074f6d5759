import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { escapeXml, freestyleJob } from './job-xml.ts'

test('a job runs its command on nodes of its label', () => {
  assert.equal(
    freestyleJob({ command: 'echo "<a>" && ls', label: 'linux && !arm' }),
    '<project><description></description><assignedNode>linux &amp;&amp; !arm</assignedNode><canRoam>false</canRoam>' +
      '<builders><hudson.tasks.Shell><command>echo &quot;&lt;a&gt;&quot; &amp;&amp; ls</command></hudson.tasks.Shell></builders></project>',
  )
})

test('a job without a label may roam, and parameters have their defaults', () => {
  const xml = freestyleJob({ command: 'true', parameters: { N: '<1>' } })
  assert.match(xml, /<canRoam>true<\/canRoam>/)
  assert.match(xml, /<name>N<\/name><description\/><defaultValue>&lt;1&gt;<\/defaultValue>/)
})

const UNESCAPED: Readonly<Record<string, string>> = { '&amp;': '&', '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#13;': '\r' }

test('any text that XML can hold comes out as it went in', () => {
  const text = fc.string({ unit: fc.constantFrom('a', '&', '<', '>', '"', '\r', '\n', '\t', 'é', '🏰', ']]>', '&amp;') })
  fc.assert(
    fc.property(text, value => {
      const escaped = escapeXml(value)
      assert.doesNotMatch(escaped, /[<>"\r]|&(?!amp;|lt;|gt;|quot;|#13;)/)
      assert.equal(
        escaped.replaceAll(/&(amp|lt|gt|quot|#13);/g, found => UNESCAPED[found] ?? found),
        value,
      )
    }),
  )
})

test('a character that XML cannot hold is refused, not dropped', () => {
  for (const bad of ['a\u0000', '\u001b[1m', '\ufffe', '\ud800', 'x\udc00']) assert.throws(() => escapeXml(bad), /cannot be written in XML/)
})
