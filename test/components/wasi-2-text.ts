/** What the component of all of WASI 0.2 has beside its functions: one that makes a request whole, and one that sends its body in pieces. */
import { uploadText } from './wasi-2-upload-text.ts'
import type { Extra } from './wasi-text.ts'

/**
 * A core function that makes one request whole: `fetch(authority) -> list<u8>`, the first bytes of the answer, or the one
 * byte that the error is numbered by. Offsets are those of the canonical layouts of its results.
 */
export const WASI_2: Extra = (call, drop) => {
  const http = (name: string) => call('wasi:http/types', name)
  const of = (name: string) => drop(`wasi:http/types/${name}`)
  const upload = uploadText(call, drop)
  const functions = `(func (export "fetch") (param $at i32) (param $length i32) (result i32)
      (local $request i32) (local $future i32) (local $poll i32) (local $response i32) (local $body i32) (local $stream i32)
      (local.set $request (call ${http('[constructor]outgoing-request')} (call ${http('[constructor]fields')})))
      (drop (call ${http('[method]outgoing-request.set-scheme')} (local.get $request) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)))
      (drop (call ${http('[method]outgoing-request.set-authority')} (local.get $request) (i32.const 1) (local.get $at) (local.get $length)))
      (call ${call('wasi:http/outgoing-handler', 'handle')} (local.get $request) (i32.const 0) (i32.const 0) (i32.const 64))
      (local.set $future (i32.load (i32.const 72)))
      (local.set $poll (call ${http('[method]future-incoming-response.subscribe')} (local.get $future)))
      (call ${call('wasi:io/poll', '[method]pollable.block')} (local.get $poll))
      (call ${drop('wasi:io/poll/pollable')} (local.get $poll))
      (call ${http('[method]future-incoming-response.get')} (local.get $future) (i32.const 64))
      (call ${of('future-incoming-response')} (local.get $future))
      (if (i32.load8_u (i32.const 80)) (then
        (i32.store (i32.const 16) (i32.const 88)) (i32.store (i32.const 20) (i32.const 1)) (return (i32.const 16))))
      (local.set $response (i32.load (i32.const 88)))
      (call ${http('[method]incoming-response.consume')} (local.get $response) (i32.const 64))
      (local.set $body (i32.load (i32.const 68)))
      (call ${http('[method]incoming-body.stream')} (local.get $body) (i32.const 64))
      (local.set $stream (i32.load (i32.const 68)))
      (call ${call('wasi:io/streams', '[method]input-stream.blocking-read')} (local.get $stream) (i64.const 65536) (i32.const 64))
      (i32.store (i32.const 16) (i32.load (i32.const 68))) (i32.store (i32.const 20) (i32.load (i32.const 72)))
      (call ${drop('wasi:io/streams/input-stream')} (local.get $stream))
      (call ${of('incoming-body')} (local.get $body)) (call ${of('incoming-response')} (local.get $response))
      (i32.const 16))${upload.functions}`
  const lifts =
    '  (func (export "fetch") (param "authority" string) (result (list u8)) (canon lift (core func $i "fetch") MEMORY))' +
    upload.lifts
  return { definitions: '', imports: [], functions, lifts }
}
