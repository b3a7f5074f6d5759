/**
 * The nouns (design section 4) as plain readonly data, their legal states, and the pure rules that belong to a noun alone.
 * Imports nothing outside this room and does no I/O. Start at controller.ts and agent.ts.
 */
export * from './access.ts'
export * from './agent.ts'
export * from './controller.ts'
export * from './demand.ts'
export * from './event.ts'
export * from './host.ts'
export * from './ids.ts'
export * from './image.ts'
export * from './memory-advice.ts'
export * from './offer.ts'
export * from './reason.ts'
export * from './record.ts'
export * from './resources.ts'
export * from './template.ts'
export * from './tenant.ts'
export * from './token.ts'
export * from './units.ts'
export * from './usage.ts'
export * from './workload.ts'
