/** The store in SQLite: by the suite of all stores, killed in the middle of writes, and keys on disk. */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { createSecurityManager, memoryStore } from '../../src/security/index.ts'
import { directoryKeys, sqliteStore } from '../../src/security/index.node.ts'
import { root } from '../module-graph.ts'
import { refusal, rules } from '../security-world.ts'
import { testStore } from '../store-suite.ts'

const folder = mkdtempSync(join(tmpdir(), 'toka-store-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

testStore('in SQLite', (state) => sqliteStore(join(folder, state)), true)

/** Lets a writer write for a while, kills it without a warning, and answers what it said was done. */
async function killedWriter(path: string, ms: number): Promise<string[]> {
  const writer = spawn(
    process.execPath,
    [
      '--conditions=toka-source',
      '--disable-warning=ExperimentalWarning',
      join(root, 'test/store-writer.node.ts'),
      path,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  let said = ''
  writer.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  await new Promise<void>((resolve) => writer.stdout.once('data', () => resolve()))
  await new Promise((resolve) => setTimeout(resolve, ms))
  writer.kill('SIGKILL')
  await new Promise((resolve) => writer.on('close', resolve))
  return said.split('\n').slice(0, -1)
}

test('a process that is killed in the middle of a write leaves it done or not begun, and what it said was done is', async () => {
  const path = join(folder, 'killed')
  let [listed, spent] = [0, 0]
  for (let round = 0; round < 6; round++) {
    const said = await killedWriter(path, 30 + round * 17)
    const store = sqliteStore(path)
    const list = await store.readList()
    const last = Math.max(
      listed,
      ...said.filter((line) => line.startsWith('list')).map((line) => Number(line.slice(5))),
    )
    // The write after the last that was told may have been done, too.
    expect([last, last + 1]).toContain(list?.version)
    expect(list?.text).toBe(`${list?.version} `.repeat(2_000))
    listed = list?.version ?? 0
    const leased = said.filter((line) => line.startsWith('lease')).map((line) => Number(line.slice(6)))
    const back = said.filter((line) => line.startsWith('back')).map((line) => Number(line.slice(5)))
    const sure = leased.reduce((sum, one) => sum + one, 0) - back.reduce((sum, one) => sum + one, 0)
    const left = await store.left({ key: 'q', initial: 1_000_000, until: Number.MAX_SAFE_INTEGER })
    const gone = 1_000_000 - spent - left
    // A lease that was not told may be gone; one that was given back without a word may be there. Never more than there was.
    expect(gone).toBeGreaterThanOrEqual(0)
    expect(left).toBeLessThanOrEqual(1_000_000 - spent)
    if (leased.length === back.length && gone !== sure) expect(gone).toBeGreaterThan(sure)
    spent += gone
    await store.close()
  }
  expect(listed).toBeGreaterThan(20)
}, 60_000)

test('a store whose journal is cut at any byte has one of the states that it had', async () => {
  const path = join(folder, 'journalled')
  const store = sqliteStore(path)
  const cell = { key: 'q', initial: 1_000, until: Number.MAX_SAFE_INTEGER }
  const states = [1_000]
  const before = statSync(`${path}-wal`).size
  for (let lease = 0; lease < 4; lease++) {
    store.lease(cell, false)
    states.push(store.left(cell) as number)
  }
  const [content, journal] = [readFileSync(path), readFileSync(`${path}-wal`)]
  await store.close()
  const seen = new Set<number>()
  let last = 1_000
  for (let length = before; length <= journal.length; length += length % 4_120 < 40 ? 1 : 7) {
    const cut = join(folder, 'cut')
    writeFileSync(cut, content)
    writeFileSync(`${cut}-wal`, journal.subarray(0, length))
    const again = sqliteStore(cut)
    const left = again.left(cell) as number
    expect(states).toContain(left)
    // More of the journal is never an earlier state.
    expect(left).toBeLessThanOrEqual(last)
    last = left
    seen.add(left)
    await again.close()
    for (const name of [cut, `${cut}-wal`, `${cut}-shm`]) rmSync(name, { force: true })
  }
  expect([...seen]).toEqual(states)
}, 120_000)

test('the directory of a store is made, for its owner alone', () => {
  const directory = join(folder, 'made', 'for')
  sqliteStore(join(directory, 'state.db')).close?.()
  expect(statSync(directory).mode & 0o777).toBe(0o700)
})

test('a file that is no store, or of a newer version, is refused', async () => {
  const path = join(folder, 'garbage')
  writeFileSync(path, 'not a database, by far'.repeat(100))
  expect(() => sqliteStore(path)).toThrow()
  const { DatabaseSync } = await import('node:sqlite')
  const newer = join(folder, 'newer')
  const database = new DatabaseSync(newer)
  database.exec('PRAGMA user_version = 9')
  database.close()
  expect(() => sqliteStore(newer)).toThrow('newer version')
})

test('keys are on disk for their owner alone, replaced as a whole, and damage is said', async () => {
  const directory = join(folder, 'keys')
  const manager = () => createSecurityManager({ keys: directoryKeys(directory), store: memoryStore() })
  await manager().rotate()
  expect(statSync(directory).mode & 0o777).toBe(0o700)
  expect(statSync(join(directory, 'keys.json')).mode & 0o777).toBe(0o600)
  const { token } = await manager().mint({ grants: rules('clock') })
  const [one, two] = [manager(), manager()]
  await Promise.all([one.rotate(), two.rotate()])
  expect((await manager().keys()).map(({ state }) => state).sort()).toEqual(['active', 'next', 'retiring', 'retiring'])
  expect(await refusal(manager().verify(token))).toBe('accepted')
  // A process that was killed while it rotated left its lock.
  writeFileSync(join(directory, '.keys.json.lock'), '999999999')
  expect(await refusal(manager().rotate())).toBe('accepted')
  writeFileSync(join(directory, '.keys.json.lock'), String(process.ppid))
  expect(await refusal(manager().rotate())).toContain('other processes change the keys')
  rmSync(join(directory, '.keys.json.lock'))
  const text = readFileSync(join(directory, 'keys.json'), 'utf8')
  writeFileSync(join(directory, 'keys.json'), text.slice(0, text.length / 2))
  expect(await refusal(manager().verify(token))).toContain('keys.json is damaged')
})
