/** Answers of wasi:http that a component lets go of before it takes them: the gate has their bodies back. */
import { expect, test } from 'vitest'
import type { World } from '../../engines/component/host/definitions.ts'
import { HeldBytes } from '../../engines/component/host/held-bytes.ts'
import { Fields, FutureResponse, OutgoingRequest } from '../../engines/component/host/http-request.ts'
import { decodeValue, encodeValue } from '../../src/kernel/values.ts'
import { boot, port } from './kernel-guest.ts'

/** A gate that answers each request with a body, and tells which it was told to close. */
function world() {
  const cancelled: unknown[] = []
  let bodies = 0
  const callTool = (name: string, input: Uint8Array) => {
    if (name === 'toka:cancel') {
      cancelled.push(decodeValue(input))
      return encodeValue(undefined)
    }
    return Promise.resolve(encodeValue({ status: 200, headers: [['server', 'x']], body: ++bodies }))
  }
  const { process } = boot({ port: port({ callTool }) }).kernel
  const held = new HeldBytes()
  const tasks = () => {
    throw new Error('nothing here belongs to a task')
  }
  const at: World = {
    process,
    program: 'test',
    held,
    exit: () => {},
    waitHere: undefined,
    tasks,
    signal: undefined,
    seed: {},
    directories: new Set(),
  }
  const ask = () => new FutureResponse(at, new OutgoingRequest(held, new Fields(held)), 'http://a.test/')
  return { ask, cancelled }
}

test('an answer that has come is closed with its future', async () => {
  const { ask, cancelled } = world()
  const future = ask()
  await future.wait()
  future.close()
  expect(cancelled).toEqual([1])
})

test('one that is under way is closed when it comes', async () => {
  const { ask, cancelled } = world()
  const future = ask()
  future.close()
  expect(cancelled).toEqual([])
  await future.wait()
  expect(cancelled).toEqual([1])
})

test('one that was taken is its own', async () => {
  const { ask, cancelled } = world()
  const future = ask()
  await future.wait()
  const answer = future.get() as { val: { val: { close(): void } } }
  future.close()
  expect(cancelled).toEqual([])
  answer.val.val.close()
  expect(cancelled).toEqual([1])
})
