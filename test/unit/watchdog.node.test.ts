/** Commands that never end go in; the watchdog must leave nothing of them behind. */
import { expect, test } from 'vitest'
import { isRunning } from '../runtimes/process-tree.ts'
import { runWatched, type WatchedEnd } from '../runtimes/watchdog.ts'

const generous = 60_000

/** Prints the ids of itself and of a child in a process group of its own, as a browser has; then both spin for ever. */
const spinningFamily = `
  const { spawn } = require('node:child_process')
  const child = spawn(process.execPath, ['-e', 'for (;;) {}'], { detached: true, stdio: 'ignore' })
  require('node:fs').writeSync(1, JSON.stringify([process.pid, child.pid]) + '\\n')
  for (;;) {}
`

async function watch(
  script: string,
  limits: { wallMs?: number; silenceMs?: number },
): Promise<WatchedEnd & { output: string }> {
  let output = ''
  const end = await runWatched({
    command: process.execPath,
    args: ['-e', script],
    cwd: process.cwd(),
    env: process.env,
    wallMs: limits.wallMs ?? generous,
    silenceMs: limits.silenceMs ?? generous,
    onOutput: (chunk) => {
      output += new TextDecoder().decode(chunk)
    },
  })
  return { ...end, output }
}

test('an endless inline loop is killed at the wall-clock limit, with the child that left its process group', async () => {
  const { killedBy, output } = await watch(spinningFamily, { wallMs: 1_500 })
  expect(killedBy).toBe('wall')
  const family = JSON.parse(output) as number[]
  expect(family).toHaveLength(2)
  await expect.poll(() => family.filter(isRunning)).toEqual([])
})

test('a command that says nothing is killed at the silence limit', async () => {
  const { killedBy } = await watch('setInterval(() => {}, 1000)', { silenceMs: 800 })
  expect(killedBy).toBe('silence')
})

test('output keeps the silence limit away', async () => {
  const chatty =
    'let n = 0; const timer = setInterval(() => { console.log(n); if (++n === 12) clearInterval(timer) }, 150)'
  const { killedBy, exitCode, output } = await watch(chatty, { silenceMs: 1_200 })
  expect(killedBy).toBeUndefined()
  expect(exitCode).toBe(0)
  expect(output.trim().split('\n')).toHaveLength(12)
})

test('a command that ends by itself keeps its exit code and its output of both streams', async () => {
  const { killedBy, exitCode, output } = await watch(
    'console.log("out"); console.error("err"); process.exitCode = 3',
    {},
  )
  expect(killedBy).toBeUndefined()
  expect(exitCode).toBe(3)
  expect(output.split('\n').sort()).toEqual(['', 'err', 'out'])
})

test('a command that cannot be started rejects', async () => {
  const command = { command: '/nonexistent/binary', args: [], cwd: process.cwd(), env: {}, onOutput: () => {} }
  await expect(runWatched({ ...command, wallMs: generous, silenceMs: generous })).rejects.toThrow('ENOENT')
})
