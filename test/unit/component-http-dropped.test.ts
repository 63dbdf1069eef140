/** Answers of wasi:http that a component lets go of before it takes them: their requests are given up at the gate. */
import { expect, test } from 'vitest'
import { HeldBytes } from '../../engines/component/host/held-bytes.ts'
import { OutgoingBody } from '../../engines/component/host/http-body.ts'
import { Exchange } from '../../engines/component/host/http-exchange.ts'
import { FutureResponse } from '../../engines/component/host/http-request.ts'
import { decodeValue, encodeValue } from '../../src/kernel/values.ts'
import { boot, port } from './kernel-guest.ts'

/** A gate that numbers requests and answers when it is told to, and tells which it was told to close. */
function world() {
  const cancelled: unknown[] = []
  const sent: unknown[] = []
  const answered = Promise.withResolvers<Uint8Array>()
  let bodies = 0
  const callTool = (name: string, input: Uint8Array) => {
    switch (name) {
      case 'toka:open':
        return Promise.resolve(encodeValue(++bodies))
      case 'toka:send':
        sent.push(decodeValue(input))
        return encodeValue(true)
      case 'toka:answer':
        return answered.promise
      default:
        cancelled.push(decodeValue(input))
        return encodeValue(undefined)
    }
  }
  const { process } = boot({ port: port({ callTool }) }).kernel
  const held = new HeldBytes()
  const ask = () => {
    const exchange = new Exchange(process, { url: 'http://a.test/', method: 'GET', headers: [], length: undefined })
    const body = new OutgoingBody(held, 0, undefined)
    body.finish()
    return new FutureResponse(held, exchange, body)
  }
  const answer = () => answered.resolve(encodeValue({ status: 200, headers: [['server', 'x']], body: 1 }))
  return { ask, answer, cancelled, sent }
}

test('an answer that has come is closed with its future', async () => {
  const { ask, answer, cancelled } = world()
  const future = ask()
  answer()
  await future.wait()
  future.close()
  expect(cancelled).toEqual([1])
})

test('one that is under way is given up at once, and not when it comes', async () => {
  const { ask, cancelled, sent } = world()
  const future = ask()
  await expect.poll(() => sent).toHaveLength(1)
  future.close()
  expect(cancelled).toEqual([1])
  await future.wait()
  expect(future.ready()).toBe(true)
})

test('one that the gate has not numbered yet is given up as soon as it has, and sends nothing', async () => {
  const { ask, cancelled, sent } = world()
  const future = ask()
  future.close()
  expect(cancelled).toEqual([])
  await expect.poll(() => cancelled).toEqual([1])
  expect(sent).toEqual([])
})

test('one that was taken is its own', async () => {
  const { ask, answer, cancelled } = world()
  const future = ask()
  answer()
  await future.wait()
  const taken = future.get() as { val: { val: { close(): void } } }
  future.close()
  expect(cancelled).toEqual([])
  taken.val.val.close()
  expect(cancelled).toEqual([1])
})
