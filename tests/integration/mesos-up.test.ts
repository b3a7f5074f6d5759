/** `manor up` on a real Mesos: controller and agents as tasks of one framework. The sample build runs, and nothing of it is left. */
import { test } from 'node:test'
import { manorUp, onMesos } from '../support/manor-up.ts'

test('the sample build runs on a real Mesos, its controller too', context =>
  onMesos(context, async (settings, given) => {
    await manorUp(`engine: { kind: mesos, ${settings} }\nworkloads: { listen: { host: 127.0.0.1, port: 0 } }\n`, [], given)
  }))
