import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Capability } from './harness.ts'

/** Registers a test of what is declared; of what is declared absent, one that prints why, so that a missing ability is never silent. */
export const declared = (capability: Capability, name: string, run: () => Promise<void>): void => {
  test(capability === true ? name : `declared absent: ${name}`, async context => {
    if (capability === true) {
      await run()
      return
    }
    context.diagnostic(capability.absent)
    assert.ok(capability.absent.length > 20, 'an absent capability needs a reason that a person understands')
  })
}
