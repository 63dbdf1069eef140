/** Writes to a store as fast as it can, and says of each write when it is done: until it is killed. */
import { writeSync } from 'node:fs'
import { sqliteStore } from '../src/security/index.node.ts'

const store = sqliteStore(process.argv[2]!)
const cell = { key: 'q', initial: 1_000_000, until: Number.MAX_SAFE_INTEGER }
for (;;) {
  const version = ((await store.readList())?.version ?? 0) + 1
  await store.writeList(version, `${version} `.repeat(2_000), version - 1)
  writeSync(1, `list ${version}\n`)
  const taken = await store.lease(cell, false)
  writeSync(1, `lease ${taken}\n`)
  await store.giveBack(cell, taken - 1)
  writeSync(1, `back ${taken - 1}\n`)
}
