/** A core function that makes a request of WASI 0.3 whose body is a stream, and lets go of what comes where it is told to. */
import { LETS_GO } from './wasi-2-upload-text.ts'
import type { Extra } from './wasi-text.ts'

/** Bits of how `upload` of WASI 0.3 goes about it. */
export const UPLOAD_3 = {
  /** Gives no stream. */
  NO_BODY: 16,
  /** Gives trailers behind the body. */
  TRAILERS: 4,
  /** Says behind the body that it failed. */
  FAILS: 8,
  /** Waits for the answer before it writes. */
  ANSWER_FIRST: 32,
} as const

const lower = (pair: string) => `(i32.wrap_i64 ${pair})`
const upper = (pair: string) => `(i32.wrap_i64 (i64.shr_u ${pair} (i64.const 32)))`

/**
 * `upload(authority, path, method, length, pieces, before, size, how) -> list<u8>` as that of WASI 0.2 (`before` is nothing
 * here), with the error of the transmission in the place of that of finish. To let go at once is to cancel the call.
 */
export const uploadText = (
  call: Parameters<Extra>[0],
  drop: Parameters<Extra>[1],
): { functions: string; lifts: string } => {
  const http = (name: string) => call('wasi:http/types', name)
  const of = (name: string) => drop(`wasi:http/types/${name}`)
  const has = (bit: number) => `(i32.and (local.get $how) (i32.const ${bit}))`
  const letsGo = (stage: number) => `(i32.eq (i32.and (local.get $how) (i32.const 0xff00)) (i32.const ${stage}))`
  const writer = upper('(local.get $content)')
  const done = '(i32.store (i32.const 16) (i32.const 589824)) (return (i32.const 16))'
  const released = `(i32.store8 (i32.const 589824) (i32.const 2)) ${done}`
  const told = `(drop (call $sent.read (local.get $sent) (i32.const 640))) (call $sent.drop (local.get $sent))
        (if (i32.load8_u (i32.const 640)) (then (i32.store8 (i32.const 589832) (i32.add (i32.const 1) (i32.load8_u (i32.const 648))))))`
  const settled = `(drop (call $trailers.cancel ${upper('(local.get $last)')})) (call $trailers.close ${upper('(local.get $last)')})`
  const functions = `
    (data (i32.const 2048) "content-lengthtrailer")
    ;; Writes pieces to a stream, each when the one before was taken, until nobody reads it any more.
    (func $pieces (param $stream i32) (param $set i32) (param $count i32) (param $size i32) (local $got i32)
      (if (local.get $count) (then (loop $more
        (memory.fill (i32.const 524288) (i32.add (i32.const 1) (i32.and (i32.load (i32.const 589828)) (i32.const 127))) (local.get $size))
        (local.set $got (call $bytes.write (local.get $stream) (i32.const 524288) (local.get $size)))
        (if (i32.eq (local.get $got) (i32.const -1)) (then
          (if (i32.ne (i32.const 3) (call $set.wait (local.get $set) (i32.const 192))) (then unreachable))
          (local.set $got (i32.load (i32.const 196)))))
        (if (i32.eq (i32.const 1) (i32.and (local.get $got) (i32.const 15))) (then (i32.store8 (i32.const 589833) (i32.const 2)) (return)))
        (i32.store (i32.const 589828) (i32.add (i32.const 1) (i32.load (i32.const 589828))))
        (br_if $more (local.tee $count (i32.sub (local.get $count) (i32.const 1))))))))
    (func $answered (param $subtask i32) (param $set i32)
      (if (i32.eq (i32.const 1) (i32.and (local.get $subtask) (i32.const 15))) (then
        (call $join (i32.shr_u (local.get $subtask) (i32.const 4)) (local.get $set))
        (if (i32.ne (i32.const 1) (call $set.wait (local.get $set) (i32.const 192))) (then unreachable))
        (call $subtask.drop (i32.shr_u (local.get $subtask) (i32.const 4))))))
    (func $upload (export "upload") (param $at i32) (param $length i32) (param $path i32) (param $path-length i32) (param $method i32)
      (param $said i32) (param $said-length i32) (param $pieces i32) (param $before i32) (param $size i32) (param $how i32) (result i32)
      (local $fields i32) (local $request i32) (local $last i64) (local $content i64) (local $sent i32) (local $set i32) (local $subtask i32) (local $response i32) (local $stream i32) (local $got i32)
      (memory.fill (i32.const 589824) (i32.const 0) (i32.const 16))
      (i32.store (i32.const 20) (i32.const 12))
      (local.set $fields (call ${http('[constructor]fields')}))
      (if (local.get $said-length) (then
        (call ${http('[method]fields.append')} (local.get $fields) (i32.const 2048) (i32.const 14) (local.get $said) (local.get $said-length) (i32.const 64))))
      (local.set $last (call $trailers.new))
      (local.set $content (call $bytes.new))
      (call ${http('[static]request.new')} (local.get $fields) (i32.eqz ${has(UPLOAD_3.NO_BODY)}) ${lower('(local.get $content)')}
        ${lower('(local.get $last)')} (i32.const 0) (i32.const 0) (i32.const 64))
      (local.set $request (i32.load (i32.const 64)))
      (local.set $sent (i32.load (i32.const 68)))
      (drop (call ${http('[method]request.set-method')} (local.get $request) (local.get $method) (i32.const 0) (i32.const 0)))
      (drop (call ${http('[method]request.set-scheme')} (local.get $request) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)))
      (drop (call ${http('[method]request.set-authority')} (local.get $request) (i32.const 1) (local.get $at) (local.get $length)))
      (drop (call ${http('[method]request.set-path-with-query')} (local.get $request) (i32.const 1) (local.get $path) (local.get $path-length)))
      ;; What comes behind the body: nothing, trailers, or that it failed (DNS-timeout, the first of the errors).
      (memory.fill (i32.const 512) (i32.const 0) (i32.const 64))
      (if ${has(UPLOAD_3.TRAILERS)} (then
        (local.set $fields (call ${http('[constructor]fields')}))
        (call ${http('[method]fields.append')} (local.get $fields) (i32.const 2062) (i32.const 7) (i32.const 2062) (i32.const 7) (i32.const 64))
        (i32.store8 (i32.const 520) (i32.const 1)) (i32.store (i32.const 524) (local.get $fields))))
      (if ${has(UPLOAD_3.FAILS)} (then (i32.store8 (i32.const 512) (i32.const 1))))
      (drop (call $trailers.write ${upper('(local.get $last)')} (i32.const 512)))
      (local.set $set (call $set.new))
      (local.set $subtask (call $send.async (local.get $request) (i32.const 256)))
      (if ${has(UPLOAD_3.ANSWER_FIRST)} (then (call $answered (local.get $subtask) (local.get $set)) (local.set $subtask (i32.const 2))))
      (if (i32.eqz ${has(UPLOAD_3.NO_BODY)}) (then
        (call $join ${writer} (local.get $set))
        (call $pieces ${writer} (local.get $set) (local.get $pieces) (local.get $size))))
      (if ${letsGo(LETS_GO.atOnce)} (then
        (if (i32.ne (i32.const 4) (call $subtask.cancel (i32.shr_u (local.get $subtask) (i32.const 4)))) (then unreachable))
        (call $subtask.drop (i32.shr_u (local.get $subtask) (i32.const 4)))
        ;; Nobody reads it any more.
        (if (i32.eqz ${has(UPLOAD_3.NO_BODY)}) (then
          (call $pieces ${writer} (local.get $set) (i32.const 10) (local.get $size)) (call $bytes.close ${writer})))
        ${told} ${settled} ${released}))
      (if (i32.eqz ${has(UPLOAD_3.NO_BODY)}) (then (call $bytes.close ${writer})))
      (call $answered (local.get $subtask) (local.get $set))
      ${told} ${settled}
      (if (i32.load8_u (i32.const 256)) (then
        (i32.store8 (i32.const 589824) (i32.const 1)) (i32.store8 (i32.const 589825) (i32.load8_u (i32.const 264))) ${done}))
      (local.set $response (i32.load (i32.const 264)))
      (i32.store16 (i32.const 589826) (call ${http('[method]response.get-status-code')} (local.get $response)))
      (if ${letsGo(LETS_GO.response)} (then (call ${of('response')} (local.get $response)) ${released}))
      (local.set $last (call $sent.new))
      (call ${http('[static]response.consume-body')} (local.get $response) ${lower('(local.get $last)')} (i32.const 64))
      (memory.fill (i32.const 512) (i32.const 0) (i32.const 64))
      (drop (call $sent.write ${upper('(local.get $last)')} (i32.const 512)))
      (call $sent.close ${upper('(local.get $last)')})
      (local.set $stream (i32.load (i32.const 64)))
      (if (i32.eqz ${letsGo(LETS_GO.body)}) (then
        (loop $more
          (local.set $got (call $bytes.read (local.get $stream) (i32.const 524288) (i32.const 4096)))
          (if (i32.lt_u (i32.load (i32.const 20)) (i32.const 61440)) (then
            (memory.copy (i32.add (i32.const 589824) (i32.load (i32.const 20))) (i32.const 524288) (i32.shr_u (local.get $got) (i32.const 4)))
            (i32.store (i32.const 20) (i32.add (i32.load (i32.const 20)) (i32.shr_u (local.get $got) (i32.const 4))))))
          (br_if $more (i32.and (i32.eqz ${letsGo(LETS_GO.halfWay)}) (i32.eqz (i32.and (local.get $got) (i32.const 15))))))))
      (call $bytes.drop (local.get $stream))
      (drop (call $trailers.read (i32.load (i32.const 68)) (i32.const 256)))
      (call $trailers.drop (i32.load (i32.const 68)))
      (if ${letsGo(LETS_GO.body)} (then ${released}))
      ${done})
    ;; Once for each place where it may let go, and each time a whole one after it: how they came out, in the order of the places.
    (func (export "let-go") (param $at i32) (param $length i32) (param $path i32) (param $path-length i32) (param $pieces i32) (param $how i32) (result i32)
      (local $out i32) (local $place i32)
      (local.set $out (i32.const 720896))
      (loop $more
        (local.set $place (i32.add (local.get $place) (i32.const ${LETS_GO.atOnce})))
        (if (i32.eq (local.get $place) (i32.const ${LETS_GO.answered})) (then (local.set $place (i32.const ${LETS_GO.response}))))
        (drop (call $upload (local.get $at) (local.get $length) (local.get $path) (local.get $path-length) (i32.const 2) (i32.const 0) (i32.const 0)
          (local.get $pieces) (i32.const 0) (i32.const 4096) (i32.or (local.get $how) (local.get $place))))
        (i32.store8 (local.get $out) (i32.load8_u (i32.const 589824)))
        (drop (call $upload (local.get $at) (local.get $length) (local.get $path) (local.get $path-length) (i32.const 2) (i32.const 0) (i32.const 0)
          (local.get $pieces) (i32.const 0) (i32.const 4096) (i32.const 0)))
        (i32.store8 offset=1 (local.get $out) (i32.load8_u (i32.const 589824)))
        (local.set $out (i32.add (local.get $out) (i32.const 2)))
        (br_if $more (i32.lt_u (local.get $place) (i32.const ${LETS_GO.halfWay}))))
      (i32.store (i32.const 16) (i32.const 720896)) (i32.store (i32.const 20) (i32.sub (local.get $out) (i32.const 720896)))
      (i32.const 16))`
  const lifts = `
  (func (export "upload") async (param "authority" string) (param "path" string) (param "method" u32) (param "length" string)
    (param "pieces" u32) (param "before" u32) (param "size" u32) (param "how" u32) (result (list u8)) (canon lift (core func $i "upload") MEMORY))
  (func (export "let-go") async (param "authority" string) (param "path" string) (param "pieces" u32) (param "how" u32) (result (list u8))
    (canon lift (core func $i "let-go") MEMORY))`
  return { functions, lifts }
}
