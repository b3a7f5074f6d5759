import type { DistributionName } from '../../model/index.ts'
import type { Distribution } from './distribution.ts'
import { hudson } from './hudson.ts'
import { jenkins } from './jenkins.ts'

const DISTRIBUTIONS: Readonly<Record<DistributionName, Distribution>> = { jenkins, hudson }

export const distributionOf = (name: DistributionName): Distribution => DISTRIBUTIONS[name]
