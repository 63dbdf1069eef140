/** What every store of a security manager must do: run it over one's own. */
import { describe, expect, test } from 'vitest'
import type { SecurityStore } from '../src/security/index.ts'

const cell = (key: string, initial = 100) => ({ key, initial, until: 1_000 })

/** @param open makes a store; called again with the same name it opens the same state, where `durable` says so */
export function testStore(name: string, open: (state: string) => SecurityStore, durable: boolean): void {
  describe(`the store ${name}`, () => {
    let count = 0
    const fresh = () => open(`state-${count++}`)

    test('keeps the newest list, and takes only the one that follows', async () => {
      const store = fresh()
      expect(await store.readList()).toBeUndefined()
      expect(await store.writeList(2, 'b', 1)).toBe(false)
      expect(await store.writeList(1, 'a', 0)).toBe(true)
      expect(await store.writeList(1, 'again', 0)).toBe(false)
      expect(await store.writeList(2, 'b', 1)).toBe(true)
      expect(await store.readList()).toMatchObject({ version: 2, text: 'b' })
      expect(await store.writeList(7, 'c', 2)).toBe(true)
      expect(await store.readList()).toMatchObject({ version: 7, text: 'c' })
      await store.close()
    })

    test('leases never more than there is, and takes back what was not spent', async () => {
      const store = fresh()
      expect(await store.left(cell('q'))).toBe(100)
      const leases: number[] = []
      for (let round = 0; round < 20; round++) leases.push(await store.lease(cell('q'), false))
      expect(leases.slice(0, 3)).toEqual([50, 25, 13])
      expect(leases.reduce((sum, one) => sum + one, 0)).toBe(100)
      expect(leases.at(-1)).toBe(0)
      await store.giveBack(cell('q'), 30)
      expect(await store.lease(cell('q'), true)).toBe(30)
      await store.giveBack(cell('q'), 1_000)
      expect(await store.left(cell('q'))).toBe(100)
      expect(await store.lease(cell('none', 0), true)).toBe(0)
      expect(await store.left(cell('other'))).toBe(100)
      await store.close()
    })

    test('lets through as many calls as a rate has', async () => {
      const store = fresh()
      const take = (now: number) => store.takeRate('r', now, 100, 200)
      expect([await take(1_000), await take(1_000), await take(1_000)]).toEqual([0, 0, 0])
      expect(await take(1_000)).toBe(100)
      expect(await take(1_099)).toBe(1)
      expect(await take(1_100)).toBe(0)
      expect(await store.takeRate('another', 1_000, 100, 0)).toBe(0)
      // A clock that goes back gives nothing.
      expect(await take(500)).toBeGreaterThan(0)
      await store.close()
    })

    test('forgets what is over, and nothing else', async () => {
      const store = fresh()
      await store.lease({ key: 'old', initial: 10, until: 5 }, true)
      await store.lease({ key: 'new', initial: 10, until: 50 }, true)
      await store.forget(20)
      expect(await store.left({ key: 'old', initial: 10, until: 5 })).toBe(10)
      expect(await store.left({ key: 'new', initial: 10, until: 50 })).toBe(0)
      await store.close()
    })

    test('names are data: none of them is a command or a prototype', async () => {
      const store = fresh()
      for (const key of ["'; DROP TABLE quotas; --", '__proto__', 'constructor', '\u0000', 'é'.repeat(500)]) {
        expect(await store.lease(cell(key, 3), true)).toBe(3)
        expect(await store.left(cell(key, 3))).toBe(0)
      }
      await store.close()
    })

    test('two that are open at once are one', async () => {
      const [one, two] = [open('shared'), open('shared')]
      if (!durable) return expect(await one.readList()).toBeUndefined()
      await one.lease(cell('q'), true)
      expect(await two.left(cell('q'))).toBe(0)
      expect(await two.writeList(1, 'x', 0)).toBe(true)
      expect(await one.writeList(1, 'y', 0)).toBe(false)
      await one.close()
      await two.close()
      const three = open('shared')
      expect(await three.readList()).toMatchObject({ version: 1, text: 'x' })
      await three.close()
    })
  })
}
