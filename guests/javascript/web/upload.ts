/** A request whose body is sent piece by piece, each when the one before was taken. */
import { makeTool } from '../tools.ts'
import type { BodyStream } from './body.ts'

const open = makeTool('toka:open')
const send = makeTool('toka:send')
const answer = makeTool('toka:answer')
const cancel = makeTool('toka:cancel')

/** Bytes that cross at once. */
const PIECE = 262_144

/** @returns false when no more is wanted: the answer is there */
async function sendAll(number: number, stream: BodyStream): Promise<boolean> {
  for await (const piece of stream)
    for (let at = 0; at < piece.length; at += PIECE)
      if (!(await send([number, piece.subarray(at, at + PIECE)]))) return false
  return true
}

/**
 * Sends a request, then its body to the end, and answers what the host answers: the whole body goes before the answer is
 * looked at (`duplex: 'half'`).
 * @param begun hears the number by which it can be cancelled; what it throws ends it
 */
export async function upload(asked: unknown, stream: BodyStream, begun: (number: number) => void): Promise<unknown> {
  let number: number | undefined
  try {
    number = (await open(asked)) as number
    begun(number)
    if (await sendAll(number, stream)) await send([number, new Uint8Array(0)])
    return await answer(number)
  } catch (error) {
    if (number !== undefined) void cancel(number)
    if (!stream.locked) await stream.cancel()
    throw error
  }
}
