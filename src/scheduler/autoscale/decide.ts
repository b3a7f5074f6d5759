import { type Milliseconds, SECOND, type Timestamp } from '../../model/index.ts'
import { type GroupMemory, ruleProblems, type ScaleAction, type ScaledHost, type ScaleMemory, type ScaleRule } from './rules.ts'
import { type DownPreferences, orderForRemoval, preferenceProblems } from './scale-down.ts'

/**
 * After a start the picture is not complete: hosts and work are still being told. No action before this, or the cool-down where that is
 * less.
 */
export const MAX_FIRST_WAIT_MS: Milliseconds = 120 * SECOND

export type ScaleInput = {
  readonly rules: readonly ScaleRule[]
  readonly hosts: readonly ScaledHost[]
  /** Hosts that waiting work needs beyond those there are, by group (shortfall.ts). */
  readonly shortfall: Readonly<Record<string, number>>
  readonly memory: ScaleMemory
  readonly now: Timestamp
  readonly preferences?: DownPreferences
}

export type ScaleResult = {
  readonly actions: readonly ScaleAction[]
  /** To be given to the next decision. Groups without a rule are forgotten, so a rule that comes back begins anew. */
  readonly memory: ScaleMemory
  /** Rules that were passed over, and preferences where they cannot be right, each with its mend. */
  readonly problems: readonly string[]
}

/**
 * How many hosts each group should get or give: pure, to be asked every few seconds with what the last answer remembered. Acting on it
 * (adding; cordoning and then removing) is the caller's. Linear in hosts, plus the ordering of those that go.
 */
export const decideScaling = ({ rules, hosts, shortfall, memory, now, preferences = {} }: ScaleInput): ScaleResult => {
  const actions: ScaleAction[] = []
  const remembered: Record<string, GroupMemory> = {}
  const problems = preferenceProblems(preferences)
  const usable = problems.length === 0 ? preferences : {}
  for (const rule of rules) {
    const wrong = ruleProblems(rule)
    problems.push(...wrong)
    if (wrong.length > 0) continue
    const known = memory[rule.group] ?? { actedAt: now, everActed: false }
    const decided = decideGroup(
      rule,
      hosts.filter(({ group }) => group === rule.group),
      shortfall[rule.group] ?? 0,
      known,
      now,
      usable,
    )
    remembered[rule.group] = decided.memory
    if (decided.action !== undefined) actions.push(decided.action)
  }
  return { actions, memory: remembered, problems }
}

type Decided = { readonly action?: ScaleAction; readonly memory: GroupMemory }

const decideGroup = (
  rule: ScaleRule,
  hosts: readonly ScaledHost[],
  shortfall: number,
  known: GroupMemory,
  now: Timestamp,
  preferences: DownPreferences,
): Decided => {
  const { minSize = 0, isTooSmall = () => false, adjustShortfall = (count: number) => count } = rule
  const staying = hosts.filter(({ isCordoned }) => !isCordoned)
  const idle = staying.filter(host => host.isIdle && !isTooSmall(host))
  const coming = now < (known.expectedUntil ?? 0) ? Math.max(0, (known.expectedSize ?? 0) - hosts.length) : 0
  const lacking = shortfall > 0 ? Math.max(0, Math.ceil(adjustShortfall(shortfall)) - coming) : 0
  const isShort = idle.length < rule.minIdle || staying.length < minSize
  const isLong = idle.length > rule.maxIdle && shortfall <= 0
  const { shortSince: _short, longSince: _long, ...base } = known
  const memory: GroupMemory = {
    ...base,
    ...(isShort ? { shortSince: known.shortSince ?? now } : {}),
    ...(isLong ? { longSince: known.longSince ?? now } : {}),
  }
  const rested = now - known.actedAt >= (known.everActed ? rule.coolDownMs : Math.min(rule.coolDownMs, MAX_FIRST_WAIT_MS))
  const acted: GroupMemory = { actedAt: now, everActed: true }

  // Work that waits does not wait for a cool-down, which is there against swinging; hosts that are on their way are not asked for again.
  const forIdle = isShort && rested && now - (memory.shortSince ?? now) >= (rule.delayUpMs ?? 0)
  const missing = idle.length < rule.minIdle ? rule.maxIdle - idle.length : minSize - staying.length
  const wanted = Math.max(lacking, forIdle ? Math.max(missing, minSize - staying.length) : 0)
  const count = Math.min(wanted, (rule.maxSize ?? Number.POSITIVE_INFINITY) - hosts.length - coming)
  if (count > 0) {
    const because = lacking === wanted ? 'shortfall' : idle.length < rule.minIdle ? 'idle' : 'min-size'
    const expected = { expectedSize: hosts.length + coming + count, expectedUntil: now + rule.coolDownMs }
    return { action: { kind: 'up', group: rule.group, count, because }, memory: { ...acted, ...expected } }
  }

  if (!isLong || !rested || now - (memory.longSince ?? now) < (rule.delayDownMs ?? 0)) return { memory }
  const excess = Math.min(idle.length - rule.maxIdle, staying.length - minSize)
  const ids = orderForRemoval(idle, staying, Math.max(0, excess), preferences)
  if (ids.length === 0) return { memory }
  return { action: { kind: 'down', group: rule.group, hosts: ids, cordonUntil: now + rule.coolDownMs }, memory: acted }
}
