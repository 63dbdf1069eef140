/** A snapshot that goes from Node into a page and back: both compute alike, so both have the same start image. */
import { expect, test } from 'vitest'
import { commands } from 'vitest/browser'
import { createToka } from '../../src/index.ts'

declare module 'vitest/browser' {
  interface BrowserCommands {
    snapshotInNode: () => Promise<string>
    seenInNode: (snapshot: string) => Promise<string>
  }
}

test('a snapshot of Node goes on in a page, and one of the page in Node', async () => {
  const toka = await createToka({ isolation: 'inline', snapshotKey: new Uint8Array(32).fill(5) })
  const made = Uint8Array.from(atob(await commands.snapshotInNode()), (char) => char.charCodeAt(0))
  const sandbox = await toka.restore(made)
  const { value } = await sandbox.run({
    source: 'seen.push("page"); [...seen, require("fs").readFileSync("/f", "utf8")]',
  })
  expect(value).toEqual(['node', 'page', 'of Node'])
  const bytes = await sandbox.snapshot()
  const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')
  expect(await commands.seenInNode(btoa(text))).toBe('node,page,of Node')
  await toka.dispose()
})
