/** A whole program with workers: it ends by itself when it has nothing more to do, disposed or not. */
import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { root } from '../module-graph.ts'

function run(program: string) {
  const flags = ['--conditions=toka-source', '--disable-warning=ExperimentalWarning', '--input-type=module']
  const started = performance.now()
  const { status, stdout, stderr } = spawnSync(process.execPath, [...flags, '--eval', program], {
    cwd: root,
    encoding: 'utf8',
    timeout: 30_000,
  })
  return { status, stdout, stderr, ms: performance.now() - started }
}

const START = `
  import { createToka } from './src/index.ts'
  const toka = await createToka({ isolation: 'worker', workers: 1 })
  const sandbox = await toka.open({ language: 'javascript' })
  console.log((await sandbox.run({ source: '6 * 7' })).value)
`

test('a program whose sandboxes are idle ends by itself', () => {
  expect(run(START)).toMatchObject({ status: 0, stdout: '42\n', stderr: '' })
})

test('a program waits for a run that it awaits nowhere', () => {
  const program = `${START}\nsandbox.run({ source: 'await new Promise((r) => setTimeout(r, 300)); 7' }).then(({ value }) => console.log(value))`
  expect(run(program)).toMatchObject({ status: 0, stdout: '42\n7\n', stderr: '' })
})

test('a program that exits in the middle of a run exits', () => {
  const program = `${START}\nsandbox.run({ source: 'for (;;) {}' }); setTimeout(() => process.exit(3), 50)`
  expect(run(program)).toMatchObject({ status: 3, stdout: '42\n', stderr: '' })
})

test('a program that disposes in the middle of runs hears of their ends', () => {
  const program = `
    import { createToka, defineTool } from './src/index.ts'
    import * as z from 'zod'
    const slow = defineTool({ name: 'slow', description: '', input: z.object({}), run: () => new Promise((resolve) => setTimeout(resolve, 3)) })
    const grants = [{ resource: 'tool', actions: ['call'], names: ['slow'] }]
    for (const wait of [0, 100, 150, 200, 250, 300]) {
      const toka = await createToka({ isolation: 'worker', workers: 2 })
      const runs = ['for (;;) {}', 'for (;;) await tools.slow({})', 'for (;;) tools.slow.sync({})', 'for (;;) await null', 'await new Promise(() => setTimeout(() => {}, 1e6))'].map((source) =>
        toka.run({ language: 'javascript', source, tools: [slow], grants }).then(({ status }) => status, ({ code }) => code))
      await new Promise((resolve) => setTimeout(resolve, wait))
      await toka.dispose()
      await Promise.all(runs)
      console.log('over')
    }`
  expect(run(program)).toMatchObject({ status: 0, stdout: 'over\n'.repeat(6), stderr: '' })
})
