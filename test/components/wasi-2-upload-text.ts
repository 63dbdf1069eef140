/** A core function that makes a request of WASI 0.2 whose body it writes in pieces, and lets go of what comes where it is told to. */
import type { Extra } from './wasi-text.ts'

/** Bits of how `upload` goes about it. */
export const UPLOAD = {
  /** Asks how much may be written and waits for that, where otherwise it writes and flushes (at most 4,096 bytes a piece). */
  POLLS: 1,
  /** Drops the body without finishing it. */
  DROPS_BODY: 2,
  /** Gives trailers. */
  TRAILERS: 4,
  /** Finishes the body before the request is handed over. */
  FINISHES_FIRST: 8,
  /** Takes no body. */
  NO_BODY: 16,
  /** Waits for the answer before it writes the rest. */
  ANSWER_FIRST: 32,
  /** Never finishes or drops the body before the answer. */
  KEEPS_BODY: 64,
} as const

/** Where it lets go of the answer, times 256. */
export const LETS_GO = {
  never: 0,
  /** Of the future, before it has waited. */
  atOnce: 256,
  /** Of the future, when the answer is there. */
  answered: 512,
  /** Of the response, whose body was not taken. */
  response: 768,
  /** Of the body, whose stream was not taken. */
  body: 1_024,
  /** After one read. */
  halfWay: 1_280,
} as const

/**
 * `upload(authority, path, method, length, pieces, before, size, how) -> list<u8>`: `length` is what it declares (none when
 * empty), `before` of `pieces` of `size` bytes are written before the request is handed over. Answers in its bytes:
 *
 *     0  0 an answer, 1 an error, 2 it let go    8  1 + the error of finish
 *     1  the error                               9  1 + how the stream ended: failed, closed
 *     2  the status                             10  1 + the error of HTTP that the stream failed of
 *     4  pieces that were taken                 12  what was read of the answer's body
 */
export const uploadText = (
  call: Parameters<Extra>[0],
  drop: Parameters<Extra>[1],
): { functions: string; lifts: string } => {
  const http = (name: string) => call('wasi:http/types', name)
  const of = (name: string) => drop(`wasi:http/types/${name}`)
  const io = (name: string) => call('wasi:io/streams', name)
  const has = (bit: number) => `(i32.and (local.get $how) (i32.const ${bit}))`
  const letsGo = (stage: number) => `(i32.eq (i32.and (local.get $how) (i32.const 0xff00)) (i32.const ${stage}))`
  const block = (on: string) => `(local.set $poll ${on})
        (call ${call('wasi:io/poll', '[method]pollable.block')} (local.get $poll))
        (call ${drop('wasi:io/poll/pollable')} (local.get $poll))`
  const forget = '(global.set $next (i32.const 4096))'
  const done = `(i32.store (i32.const 16) (i32.const 589824)) (return (i32.const 16))`
  const functions = `
    (data (i32.const 2048) "content-lengthtrailer")
    ;; Writes one piece. Answers whether it was taken; where it was not, what became of the stream is written down.
    (func $piece (param $stream i32) (param $size i32) (param $how i32) (result i32) (local $poll i32)
      (memory.fill (i32.const 524288) (i32.add (i32.const 1) (i32.and (i32.load (i32.const 589828)) (i32.const 127))) (local.get $size))
      (i32.store (i32.const 64) (i32.const 0))
      (if ${has(UPLOAD.POLLS)} (then
        (loop $more
          (call ${io('[method]output-stream.check-write')} (local.get $stream) (i32.const 64))
          (if (i32.load8_u (i32.const 64)) (then (i64.store (i32.const 68) (i64.load (i32.const 72)))) (else
            (if (i64.lt_u (i64.load (i32.const 72)) (i64.extend_i32_u (local.get $size))) (then
              ${block(`(call ${io('[method]output-stream.subscribe')} (local.get $stream))`)}
              (br $more))))))
        (if (i32.eqz (i32.load8_u (i32.const 64)))
          (then (call ${io('[method]output-stream.write')} (local.get $stream) (i32.const 524288) (local.get $size) (i32.const 64)))))
      (else (call ${io('[method]output-stream.blocking-write-and-flush')} (local.get $stream) (i32.const 524288) (local.get $size) (i32.const 64))))
      (if (i32.load8_u (i32.const 64)) (then
        (i32.store8 (i32.const 589833) (i32.add (i32.const 1) (i32.load8_u (i32.const 68))))
        (if (i32.eqz (i32.load8_u (i32.const 68))) (then
          (local.set $poll (i32.load (i32.const 72)))
          (call ${http('http-error-code')} (local.get $poll) (i32.const 96))
          (if (i32.load8_u (i32.const 96)) (then (i32.store8 (i32.const 589834) (i32.add (i32.const 1) (i32.load8_u (i32.const 104))))))
          (call ${drop('wasi:io/error/error')} (local.get $poll))))
        (return (i32.const 0))))
      (i32.store (i32.const 589828) (i32.add (i32.const 1) (i32.load (i32.const 589828))))
      (i32.const 1))
    (func $pieces (param $stream i32) (param $count i32) (param $size i32) (param $how i32)
      (if (local.get $count) (then (loop $more
        (if (call $piece (local.get $stream) (local.get $size) (local.get $how)) (then
          (br_if $more (local.tee $count (i32.sub (local.get $count) (i32.const 1))))))))))
    (func $end (param $body i32) (param $stream i32) (param $how i32) (local $fields i32)
      (call ${drop('wasi:io/streams/output-stream')} (local.get $stream))
      (if ${has(UPLOAD.DROPS_BODY)} (then (call ${of('outgoing-body')} (local.get $body))) (else
        (if ${has(UPLOAD.TRAILERS)} (then
          (local.set $fields (call ${http('[constructor]fields')}))
          (call ${http('[method]fields.append')} (local.get $fields) (i32.const 2062) (i32.const 7) (i32.const 2062) (i32.const 7) (i32.const 64))))
        (call ${http('[static]outgoing-body.finish')} (local.get $body) (i32.ne (i32.const 0) ${has(UPLOAD.TRAILERS)}) (local.get $fields) (i32.const 64))
        (if (i32.load8_u (i32.const 64)) (then (i32.store8 (i32.const 589832) (i32.add (i32.const 1) (i32.load8_u (i32.const 72)))))))))
    (func $upload (export "upload") (param $at i32) (param $length i32) (param $path i32) (param $path-length i32) (param $method i32)
      (param $said i32) (param $said-length i32) (param $pieces i32) (param $before i32) (param $size i32) (param $how i32) (result i32)
      (local $fields i32) (local $request i32) (local $future i32) (local $poll i32) (local $response i32) (local $body i32) (local $stream i32) (local $got i32)
      (memory.fill (i32.const 589824) (i32.const 0) (i32.const 16))
      (i32.store (i32.const 20) (i32.const 12))
      (local.set $fields (call ${http('[constructor]fields')}))
      (if (local.get $said-length) (then
        (call ${http('[method]fields.append')} (local.get $fields) (i32.const 2048) (i32.const 14) (local.get $said) (local.get $said-length) (i32.const 64))))
      (local.set $request (call ${http('[constructor]outgoing-request')} (local.get $fields)))
      (drop (call ${http('[method]outgoing-request.set-method')} (local.get $request) (local.get $method) (i32.const 0) (i32.const 0)))
      (drop (call ${http('[method]outgoing-request.set-scheme')} (local.get $request) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)))
      (drop (call ${http('[method]outgoing-request.set-authority')} (local.get $request) (i32.const 1) (local.get $at) (local.get $length)))
      (drop (call ${http('[method]outgoing-request.set-path-with-query')} (local.get $request) (i32.const 1) (local.get $path) (local.get $path-length)))
      (if (i32.eqz ${has(UPLOAD.NO_BODY)}) (then
        (call ${http('[method]outgoing-request.body')} (local.get $request) (i32.const 64))
        (if (i32.load8_u (i32.const 64)) (then (i32.store8 (i32.const 589824) (i32.const 3)) ${done}))
        (local.set $body (i32.load (i32.const 68)))
        (call ${http('[method]outgoing-body.write')} (local.get $body) (i32.const 64))
        (local.set $stream (i32.load (i32.const 68)))
        (call $pieces (local.get $stream) (local.get $before) (local.get $size) (local.get $how))
        (if ${has(UPLOAD.FINISHES_FIRST)} (then (call $end (local.get $body) (local.get $stream) (local.get $how))))))
      (call ${call('wasi:http/outgoing-handler', 'handle')} (local.get $request) (i32.const 0) (i32.const 0) (i32.const 64))
      (local.set $future (i32.load (i32.const 72)))
      (if ${has(UPLOAD.ANSWER_FIRST)} (then
        ${block(`(call ${http('[method]future-incoming-response.subscribe')} (local.get $future))`)}))
      (if (i32.eqz ${has(UPLOAD.NO_BODY)}) (then
        (if (i32.eqz (i32.load8_u (i32.const 589833))) (then
          (call $pieces (local.get $stream) (i32.sub (local.get $pieces) (local.get $before)) (local.get $size) (local.get $how))))
        (if (i32.eqz ${has(UPLOAD.FINISHES_FIRST + UPLOAD.KEEPS_BODY)}) (then
          (call $end (local.get $body) (local.get $stream) (local.get $how))))))
      (if ${letsGo(LETS_GO.atOnce)} (then
        (call ${of('future-incoming-response')} (local.get $future)) (i32.store8 (i32.const 589824) (i32.const 2)) ${done}))
      ${block(`(call ${http('[method]future-incoming-response.subscribe')} (local.get $future))`)}
      (if ${letsGo(LETS_GO.answered)} (then
        (call ${of('future-incoming-response')} (local.get $future)) (i32.store8 (i32.const 589824) (i32.const 2)) ${done}))
      (call ${http('[method]future-incoming-response.get')} (local.get $future) (i32.const 64))
      (call ${of('future-incoming-response')} (local.get $future))
      (if (i32.load8_u (i32.const 80)) (then
        (i32.store8 (i32.const 589824) (i32.const 1)) (i32.store8 (i32.const 589825) (i32.load8_u (i32.const 88))) ${done}))
      (local.set $response (i32.load (i32.const 88)))
      (i32.store16 (i32.const 589826) (call ${http('[method]incoming-response.status')} (local.get $response)))
      (if ${letsGo(LETS_GO.response)} (then
        (call ${of('incoming-response')} (local.get $response)) (i32.store8 (i32.const 589824) (i32.const 2)) ${done}))
      (call ${http('[method]incoming-response.consume')} (local.get $response) (i32.const 64))
      (local.set $body (i32.load (i32.const 68)))
      (call ${of('incoming-response')} (local.get $response))
      (if ${letsGo(LETS_GO.body)} (then
        (call ${of('incoming-body')} (local.get $body)) (i32.store8 (i32.const 589824) (i32.const 2)) ${done}))
      (call ${http('[method]incoming-body.stream')} (local.get $body) (i32.const 64))
      (local.set $stream (i32.load (i32.const 68)))
      (loop $more
        ${forget}
        (call ${io('[method]input-stream.blocking-read')} (local.get $stream) (i64.const 4096) (i32.const 64))
        (if (i32.eqz (i32.load8_u (i32.const 64))) (then
          (local.set $got (i32.load (i32.const 72)))
          (if (i32.lt_u (i32.load (i32.const 20)) (i32.const 61440)) (then
            (memory.copy (i32.add (i32.const 589824) (i32.load (i32.const 20))) (i32.load (i32.const 68)) (local.get $got))
            (i32.store (i32.const 20) (i32.add (i32.load (i32.const 20)) (local.get $got)))))
          (br_if $more (i32.eqz ${letsGo(LETS_GO.halfWay)})))))
      (call ${drop('wasi:io/streams/input-stream')} (local.get $stream))
      (call ${of('incoming-body')} (local.get $body))
      ${done})
    ;; Once for each place where it may let go, and each time a whole one after it: how they came out, in the order of the places.
    (func (export "let-go") (param $at i32) (param $length i32) (param $path i32) (param $path-length i32) (param $pieces i32) (param $how i32) (result i32)
      (local $out i32) (local $place i32)
      (local.set $out (i32.const 720896))
      ;; What strings it was given must outlive what it is given meanwhile.
      (memory.copy (i32.const 716800) (local.get $at) (local.get $length))
      (memory.copy (i32.const 718848) (local.get $path) (local.get $path-length))
      (loop $more
        (local.set $place (i32.add (local.get $place) (i32.const ${LETS_GO.atOnce})))
        (drop (call $upload (i32.const 716800) (local.get $length) (i32.const 718848) (local.get $path-length) (i32.const 2) (i32.const 0) (i32.const 0)
          (local.get $pieces) (i32.const 0) (i32.const 4096) (i32.or (local.get $how) (local.get $place))))
        (i32.store8 (local.get $out) (i32.load8_u (i32.const 589824)))
        (drop (call $upload (i32.const 716800) (local.get $length) (i32.const 718848) (local.get $path-length) (i32.const 2) (i32.const 0) (i32.const 0)
          (local.get $pieces) (i32.const 0) (i32.const 4096) (i32.const 0)))
        (i32.store8 offset=1 (local.get $out) (i32.load8_u (i32.const 589824)))
        (local.set $out (i32.add (local.get $out) (i32.const 2)))
        (br_if $more (i32.lt_u (local.get $place) (i32.const ${LETS_GO.halfWay}))))
      (i32.store (i32.const 16) (i32.const 720896)) (i32.store (i32.const 20) (i32.sub (local.get $out) (i32.const 720896)))
      (i32.const 16))`
  const lifts = `
  (func (export "upload") (param "authority" string) (param "path" string) (param "method" u32) (param "length" string)
    (param "pieces" u32) (param "before" u32) (param "size" u32) (param "how" u32) (result (list u8)) (canon lift (core func $i "upload") MEMORY))
  (func (export "let-go") (param "authority" string) (param "path" string) (param "pieces" u32) (param "how" u32) (result (list u8))
    (canon lift (core func $i "let-go") MEMORY))`
  return { functions, lifts }
}
