/** The program `toka` as a process: signals, closed pipes, and an end without waiting. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { canSuspend } from '../../src/loader/suspension.ts'
import { skipReasons } from '../skip-reasons.ts'

const program = fileURLToPath(new URL('../../src/cli/toka.ts', import.meta.url))
const flags = ['--conditions=toka-source', '--disable-warning=ExperimentalWarning']
let folder = ''

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'toka-process-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function start(source: string): ChildProcess {
  const path = join(folder, 'tool.js')
  writeFileSync(path, source)
  return spawn(process.execPath, [...flags, program, 'run', path], { stdio: ['pipe', 'pipe', 'pipe'] })
}

const text = async (stream: NodeJS.ReadableStream | null) => {
  const chunks: Buffer[] = []
  for await (const chunk of stream ?? []) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

/** The exit code, or the signal that ended it. */
const exit = (child: ChildProcess) =>
  new Promise<number | string | null>((resolve) => child.on('exit', (code, signal) => resolve(code ?? signal)))

test('a guest that is done ends the process, with its code, though stdin is open', async () => {
  const child = start('console.log("done"); process.exit(5)')
  const [code, stdout, stderr] = await Promise.all([exit(child), text(child.stdout), text(child.stderr)])
  expect({ code, stdout, stderr }).toEqual({ code: 5, stdout: 'done\n', stderr: '' })
})

test('Ctrl-C stops an endless guest: in good order where the runtime can suspend it, at once elsewhere', async () => {
  const child = start('console.log("up"); for (;;) {}')
  const ended = Promise.all([exit(child), text(child.stderr)])
  child.stdout?.once('data', () => child.kill('SIGINT'))
  const [code, stderr] = await ended
  const orderly = await canSuspend()
  expect(code).toBe(orderly ? 130 : 'SIGINT')
  if (orderly) expect(stderr).toMatch(/cancelled/)
})

test('a reader that goes away stops a guest that prints for ever', async ({ skip }) => {
  skip(!(await canSuspend()), skipReasons.noJspi)
  const child = start('for (;;) console.log("y")')
  child.stdout?.once('data', () => child.stdout?.destroy())
  expect(await exit(child)).toBe(130)
})
