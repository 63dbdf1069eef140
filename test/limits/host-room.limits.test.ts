/** Many sandboxes at once: open or refused by name, and room again when they are gone. */
import { expect, test } from 'vitest'
import { TokaError } from '../../src/errors.ts'
import { makeRoom, Spares, withRoom } from '../../src/room.ts'
import type { Sandbox } from '../../src/sandbox/surface.ts'
import { tokaOf, WAYS } from '../isolations.ts'

// Beyond some fifty a page has no addresses left, and Chromium may end it with all the tests that run beside this one.
const MANY = 'document' in globalThis ? 30 : 130

test.each(WAYS)(
  'many sandboxes are open or refused by name, and there is room when others are gone (%s)',
  async (way) => {
    const toka = await tokaOf(way)
    for (const count of [MANY, 20]) {
      const open: Sandbox[] = []
      let refused: unknown
      while (open.length < count && !refused)
        await toka.open({ language: 'javascript' }).then(
          (sandbox) => open.push(sandbox),
          (error) => (refused = error),
        )
      if (refused) expect(refused).toMatchObject({ code: 'TOKA_HOST_MEMORY' })
      if (count === 20) expect(refused).toBeUndefined()
      expect((await open[0]?.run({ source: '1 + 1' }))?.value).toBe(2)
      await Promise.all(open.map((sandbox) => sandbox.dispose()))
    }
  },
  60_000,
)

const noRoom = () =>
  new RangeError('WebAssembly.Instance(): Out of memory: Cannot allocate Wasm memory for new instance')

test('what waits goes before anything is refused, and a try that then succeeds is an answer', async () => {
  const spares = new Spares<number>(2)
  spares.put(1)
  spares.put(2)
  spares.put(3)
  let tries = 0
  const made = await withRoom(() => {
    tries++
    if (spares.take() !== undefined) throw noRoom()
    return 'made'
  })
  expect([made, tries]).toEqual(['made', 2])
})

test('without room the refusal is ours; another failure is passed on at once', async () => {
  const never = withRoom(() => {
    throw noRoom()
  })
  await expect(never).rejects.toMatchObject({ code: 'TOKA_HOST_MEMORY' })
  let tries = 0
  const other = withRoom(() => {
    tries++
    throw new TokaError('TOKA_ENGINE_LOAD', 'no')
  })
  await expect(other).rejects.toMatchObject({ code: 'TOKA_ENGINE_LOAD' })
  expect(tries).toBe(1)
  expect(() => makeRoom()).not.toThrow()
})
