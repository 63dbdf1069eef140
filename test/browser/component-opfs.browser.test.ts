/** A component of WASI 0.2 over the origin private file system of a browser, where every write is answered later. */
import { expect, test } from 'vitest'
import { createToka } from '../../src/index.ts'
import { assembled } from '../component-bench.ts'

type Ok = { tag: 'ok'; val: unknown }

test('what a stream took in the background is written when the call has ended, though nobody flushed it', async () => {
  const storage = await navigator.storage.getDirectory()
  const name = `component-${crypto.randomUUID()}`
  const directory = await storage.getDirectoryHandle(name, { create: true })
  const toka = await createToka()
  try {
    const sandbox = await toka.open({
      language: 'wasm',
      module: assembled('wasi'),
      mounts: [{ at: '/m', from: directory, mode: 'rw' }],
      grants: [{ resource: 'fs', actions: ['read', 'write'], paths: ['/m/**'] }],
    })
    const files = async (method: string, ...args: unknown[]): Promise<unknown> => {
      const { value, error } = await sandbox.call(`wasi-filesystem-types-method-descriptor-${method}`, ...args)
      expect(error).toBeUndefined()
      return (value as Ok).val
    }
    const [[root]] = (await sandbox.call('wasi-filesystem-preopens-get-directories')).value as [[unknown]]
    const file = await files('open-at', root, {}, 'm/log', { create: true }, { read: true, write: true })
    const out = await files('append-via-stream', file)
    const written = await sandbox.call(
      'wasi-io-streams-method-output-stream-write',
      out,
      new TextEncoder().encode('last words'),
    )
    expect(written.value).toEqual({ tag: 'ok' })
    const log = await (await directory.getFileHandle('log')).getFile()
    expect(await log.text()).toBe('last words')
  } finally {
    await toka.dispose()
    await storage.removeEntry(name, { recursive: true })
  }
})
