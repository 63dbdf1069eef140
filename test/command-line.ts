/** A command line in this process, with streams and a directory of its own: shared by the tests of `toka run`. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { afterAll, beforeAll } from 'vitest'
import { main } from '../src/cli/main.ts'

/** A directory of the test file's own. */
export let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'toka-cli-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Writes a file and answers its host path. */
export function file(name: string, content: string): string {
  const path = join(folder, name)
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, content)
  return path
}

export type Ran = { code: number; stdout: string; stderr: string }
type Setting = { stdin?: Readable | string; tty?: boolean; signal?: AbortSignal; environment?: Record<string, string> }

/** Runs a command line in this process. */
export async function toka(argv: string[], setting: Setting = {}): Promise<Ran> {
  const stdin = setting.stdin instanceof Readable ? setting.stdin : Readable.from([Buffer.from(setting.stdin ?? '')])
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const said = [stdout, stderr].map((stream) => {
    const chunks: Buffer[] = []
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    return chunks
  })
  if (setting.tty) for (const stream of [stdout, stderr]) Object.assign(stream, { isTTY: true })
  const { signal = new AbortController().signal, environment = {} } = setting
  const code = await main(argv, { stdin, stdout, stderr, signal, environment })
  await new Promise((resolve) => setImmediate(resolve))
  const [out = '', err = ''] = said.map((chunks) => Buffer.concat(chunks).toString())
  return { code, stdout: out, stderr: err }
}
