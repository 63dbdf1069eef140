/** What the component of all of WASI 0.3 has beside its functions: those that stand at the ends of its streams and futures. */
import { uploadText } from './wasi-3-upload-text.ts'
import type { Extra } from './wasi-text.ts'

const FILES = 'wasi:filesystem/types'
const HTTP = 'wasi:http/types'

const FILE_ERROR = `(variant ${[
  ...['access', 'already', 'bad-descriptor', 'busy', 'deadlock', 'quota', 'exist', 'file-too-large'],
  ...['illegal-byte-sequence', 'in-progress', 'interrupted', 'invalid', 'io', 'is-directory', 'loop', 'too-many-links'],
  ...['message-size', 'name-too-long', 'no-device', 'no-entry', 'no-lock', 'insufficient-memory'],
  ...['insufficient-space', 'not-directory', 'not-empty', 'not-recoverable', 'unsupported', 'no-tty', 'no-such-device'],
  ...['overflow', 'not-permitted', 'pipe', 'read-only', 'invalid-seek', 'text-file-busy', 'cross-device'],
]
  .map((label) => `(case "${label}")`)
  .join(' ')} (case "other" (option string)))`

const KINDS = ['block-device', 'character-device', 'directory', 'fifo', 'symbolic-link', 'regular-file', 'socket']
const ENTRY = `(record (field "type" (variant ${KINDS.map((label) => `(case "${label}")`).join(' ')} (case "other" (option string)))) (field "name" string))`

const SIZE = '(record (field "field-name" (option string)) (field "field-size" (option u32)))'
/** Cases of the errors of HTTP that carry something. */
const CARRIED: Readonly<Record<string, string>> = {
  'DNS-error': '(record (field "rcode" (option string)) (field "info-code" (option u16)))',
  'TLS-alert-received': '(record (field "alert-id" (option u8)) (field "alert-message" (option string)))',
  'HTTP-request-body-size': '(option u64)',
  'HTTP-request-header-section-size': '(option u32)',
  'HTTP-request-header-size': `(option ${SIZE})`,
  'HTTP-request-trailer-section-size': '(option u32)',
  'HTTP-request-trailer-size': SIZE,
  'HTTP-response-header-section-size': '(option u32)',
  'HTTP-response-header-size': SIZE,
  'HTTP-response-body-size': '(option u64)',
  'HTTP-response-trailer-section-size': '(option u32)',
  'HTTP-response-trailer-size': SIZE,
  'HTTP-response-transfer-coding': '(option string)',
  'HTTP-response-content-coding': '(option string)',
  'internal-error': '(option string)',
}
const HTTP_ERROR = `(variant ${[
  ...['DNS-timeout', 'DNS-error', 'destination-not-found', 'destination-unavailable', 'destination-IP-prohibited'],
  ...['destination-IP-unroutable', 'connection-refused', 'connection-terminated', 'connection-timeout'],
  ...['connection-read-timeout', 'connection-write-timeout', 'connection-limit-reached', 'TLS-protocol-error'],
  ...['TLS-certificate-error', 'TLS-alert-received', 'HTTP-request-denied', 'HTTP-request-length-required'],
  ...['HTTP-request-body-size', 'HTTP-request-method-invalid', 'HTTP-request-URI-invalid', 'HTTP-request-URI-too-long'],
  ...['HTTP-request-header-section-size', 'HTTP-request-header-size', 'HTTP-request-trailer-section-size'],
  ...['HTTP-request-trailer-size', 'HTTP-response-incomplete', 'HTTP-response-header-section-size'],
  ...['HTTP-response-header-size', 'HTTP-response-body-size', 'HTTP-response-trailer-section-size'],
  ...['HTTP-response-trailer-size', 'HTTP-response-transfer-coding', 'HTTP-response-content-coding'],
  ...['HTTP-response-timeout', 'HTTP-upgrade-failed', 'HTTP-protocol-error', 'loop-detected', 'configuration-error'],
  'internal-error',
]
  .map((label) => `(case "${label}"${CARRIED[label] ? ` ${CARRIED[label]}` : ''})`)
  .join(' ')})`

const memory = '(memory (core memory $mem "memory")) (realloc (core func $mem "realloc"))'

const DEFINITIONS = `
  (type $bytes (stream u8))
  (type $entries (stream ${ENTRY}))
  (type $files-end (future (result (error ${FILE_ERROR}))))
  (type $sent (future (result (error ${HTTP_ERROR}))))
  (type $trailers (future (result (option (own $wasi.http.types.fields)) (error ${HTTP_ERROR}))))
  (core func $bytes.new (canon stream.new $bytes))
  (core func $bytes.read (canon stream.read $bytes ${memory}))
  (core func $bytes.write (canon stream.write $bytes async ${memory}))
  (core func $send.async (canon lower (func $wasi.http.client "send") async ${memory}))
  (core func $set.new (canon waitable-set.new))
  (core func $set.wait (canon waitable-set.wait (memory (core memory $mem "memory"))))
  (core func $join (canon waitable.join))
  (core func $subtask.drop (canon subtask.drop))
  (core func $subtask.cancel (canon subtask.cancel))
  (core func $bytes.drop (canon stream.drop-readable $bytes))
  (core func $bytes.close (canon stream.drop-writable $bytes))
  (core func $entries.read (canon stream.read $entries ${memory}))
  (core func $entries.drop (canon stream.drop-readable $entries))
  (core func $files-end.read (canon future.read $files-end ${memory}))
  (core func $files-end.drop (canon future.drop-readable $files-end))
  (core func $sent.new (canon future.new $sent))
  (core func $sent.write (canon future.write $sent ${memory}))
  (core func $sent.read (canon future.read $sent ${memory}))
  (core func $sent.drop (canon future.drop-readable $sent))
  (core func $sent.close (canon future.drop-writable $sent))
  (core func $trailers.new (canon future.new $trailers))
  (core func $trailers.write (canon future.write $trailers async ${memory}))
  (core func $trailers.cancel (canon future.cancel-write $trailers))
  (core func $trailers.read (canon future.read $trailers ${memory}))
  (core func $trailers.drop (canon future.drop-readable $trailers))
  (core func $trailers.close (canon future.drop-writable $trailers))`

const PAIR = '(result i64)'
const COPY = '(param i32 i32 i32) (result i32)'
const ONE = '(param i32 i32) (result i32)'
const DROP = '(param i32)'
const CANCEL = '(param i32) (result i32)'

const IMPORTS = [
  ['bytes.new', PAIR],
  ['bytes.read', COPY],
  ['bytes.write', COPY],
  ['send.async', ONE],
  ['set.new', '(result i32)'],
  ['set.wait', ONE],
  ['join', '(param i32 i32)'],
  ['subtask.drop', DROP],
  ['subtask.cancel', CANCEL],
  ['bytes.drop', DROP],
  ['bytes.close', DROP],
  ['entries.read', COPY],
  ['entries.drop', DROP],
  ['files-end.read', ONE],
  ['files-end.drop', DROP],
  ['sent.new', PAIR],
  ['sent.write', ONE],
  ['sent.read', ONE],
  ['sent.drop', DROP],
  ['sent.close', DROP],
  ['trailers.new', PAIR],
  ['trailers.write', ONE],
  ['trailers.cancel', CANCEL],
  ['trailers.read', ONE],
  ['trailers.drop', DROP],
  ['trailers.close', DROP],
] as const

/** Reads a future of wasi:filesystem: 0, or one more than the number of the error. */
const END = `(func $end (param $future i32) (result i32)
      (drop (call $files-end.read (local.get $future) (i32.const 128)))
      (call $files-end.drop (local.get $future))
      (if (result i32) (i32.load8_u (i32.const 128)) (then (i32.add (i32.const 1) (i32.load8_u (i32.const 132)))) (else (i32.const 0))))`

const lower = (pair: string) => `(i32.wrap_i64 ${pair})`
const upper = (pair: string) => `(i32.wrap_i64 (i64.shr_u ${pair} (i64.const 32)))`

export const WASI_3: Extra = (call, drop) => {
  const file = (name: string) => call(FILES, `[method]descriptor.${name}`)
  const http = (name: string) => call(HTTP, name)
  const done = `(call ${drop(`${FILES}/descriptor`)} (local.get $from))`
  const upload = uploadText(call, drop)
  const functions = `${END}
    (func (export "copy") (param $from i32) (param $to i32) (result i32) (local $end i32)
      (call ${file('read-via-stream')} (local.get $from) (i64.const 0) (i32.const 64))
      (local.set $end (call ${file('write-via-stream')} (local.get $to) (i32.load (i32.const 64)) (i64.const 0)))
      ${done} (call ${drop(`${FILES}/descriptor`)} (local.get $to))
      (i32.or (call $end (i32.load (i32.const 68))) (i32.shl (call $end (local.get $end)) (i32.const 8))))
    ;; The same so many times at once, and only the last is waited for.
    (func (export "copies") (param $from i32) (param $to i32) (param $count i32) (result i32) (local $end i32)
      (loop $more
        (call ${file('read-via-stream')} (local.get $from) (i64.const 0) (i32.const 64))
        (call $files-end.drop (i32.load (i32.const 68)))
        (local.set $end (call ${file('write-via-stream')} (local.get $to) (i32.load (i32.const 64)) (i64.const 0)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (if (local.get $count) (then (call $files-end.drop (local.get $end)) (br $more))))
      ${done} (call ${drop(`${FILES}/descriptor`)} (local.get $to))
      (call $end (local.get $end)))
    ;; Adds "one" and "two", in two writes.
    (func (export "append") (param $from i32) (result i32) (local $pair i64) (local $end i32)
      (local.set $pair (call $bytes.new))
      (local.set $end (call ${file('append-via-stream')} (local.get $from) ${lower('(local.get $pair)')}))
      ${done}
      (i64.store (i32.const 64) (i64.const 0x6f7774656e6f))
      (drop (call $bytes.write ${upper('(local.get $pair)')} (i32.const 64) (i32.const 3)))
      (drop (call $bytes.write ${upper('(local.get $pair)')} (i32.const 67) (i32.const 3)))
      (call $bytes.close ${upper('(local.get $pair)')})
      (call $end (local.get $end)))
    ;; The names of a directory, one behind the other.
    (func (export "names") (param $from i32) (result i32) (local $got i32) (local $at i32) (local $out i32) (local $stream i32)
      (local.set $out (i32.const 65536))
      (call ${file('read-directory')} (local.get $from) (i32.const 64))
      (local.set $stream (i32.load (i32.const 64)))
      ${done}
      (loop $more
        (local.set $got (call $entries.read (local.get $stream) (i32.const 1024) (i32.const 2)))
        (local.set $at (i32.const 1024))
        (local.set $got (i32.shr_u (local.get $got) (i32.const 4)))
        (if (local.get $got) (then
          (loop $each
            (memory.copy (local.get $out) (i32.load offset=16 (local.get $at)) (i32.load offset=20 (local.get $at)))
            (local.set $out (i32.add (local.get $out) (i32.load offset=20 (local.get $at))))
            (local.set $at (i32.add (local.get $at) (i32.const 24)))
            (br_if $each (local.tee $got (i32.sub (local.get $got) (i32.const 1)))))
          (br $more))))
      (call $entries.drop (local.get $stream))
      (if (call $end (i32.load (i32.const 68))) (then unreachable))
      (i32.store (i32.const 16) (i32.const 65536)) (i32.store (i32.const 20) (i32.sub (local.get $out) (i32.const 65536)))
      (i32.const 16))
    ;; Posts some bytes: the answer's, or one byte that numbers the error.
    (func (export "post") (param $at i32) (param $length i32) (param $body i32) (param $size i32) (result i32)
      (local $request i32) (local $pair i64) (local $content i64) (local $response i32) (local $got i32) (local $set i32)
      (local.set $pair (call $trailers.new))
      (local.set $content (call $bytes.new))
      (call ${http('[static]request.new')} (call ${http('[constructor]fields')}) (i32.const 1) ${lower('(local.get $content)')}
        ${lower('(local.get $pair)')} (i32.const 0) (i32.const 0) (i32.const 64))
      (local.set $request (i32.load (i32.const 64)))
      (call $sent.drop (i32.load (i32.const 68)))
      (drop (call ${http('[method]request.set-method')} (local.get $request) (i32.const 2) (i32.const 0) (i32.const 0)))
      (drop (call ${http('[method]request.set-scheme')} (local.get $request) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)))
      (drop (call ${http('[method]request.set-authority')} (local.get $request) (i32.const 1) (local.get $at) (local.get $length)))
      (i64.store (i32.const 512) (i64.const 0)) (i64.store (i32.const 520) (i64.const 0))
      (drop (call $trailers.write ${upper('(local.get $pair)')} (i32.const 512)))
      ;; While the request is sent its body is written; then both are waited for, one after the other.
      (local.set $set (call $set.new))
      (local.set $got (call $send.async (local.get $request) (i32.const 256)))
      (if (i32.eq (i32.const -1) (call $bytes.write ${upper('(local.get $content)')} (local.get $body) (local.get $size))) (then
        (call $join ${upper('(local.get $content)')} (local.get $set))
        (if (i32.ne (i32.const 3) (call $set.wait (local.get $set) (i32.const 192))) (then unreachable))))
      (call $bytes.close ${upper('(local.get $content)')})
      (if (i32.eq (i32.const 1) (i32.and (local.get $got) (i32.const 15))) (then
        (call $join (i32.shr_u (local.get $got) (i32.const 4)) (local.get $set))
        (if (i32.ne (i32.const 1) (call $set.wait (local.get $set) (i32.const 192))) (then unreachable))
        (call $subtask.drop (i32.shr_u (local.get $got) (i32.const 4)))))
      (if (i32.load8_u (i32.const 256)) (then
        (i32.store (i32.const 16) (i32.const 264)) (i32.store (i32.const 20) (i32.const 1)) (return (i32.const 16))))
      (local.set $response (i32.load (i32.const 264)))
      (drop (call $trailers.cancel ${upper('(local.get $pair)')}))
      (call $trailers.close ${upper('(local.get $pair)')})
      (local.set $pair (call $sent.new))
      (call ${http('[static]response.consume-body')} (local.get $response) ${lower('(local.get $pair)')} (i32.const 64))
      (drop (call $sent.write ${upper('(local.get $pair)')} (i32.const 512)))
      (call $sent.close ${upper('(local.get $pair)')})
      (local.set $at (i32.const 65536))
      (loop $more
        (local.set $got (call $bytes.read (i32.load (i32.const 64)) (local.get $at) (i32.const 65536)))
        (local.set $at (i32.add (local.get $at) (i32.shr_u (local.get $got) (i32.const 4))))
        (br_if $more (i32.eqz (i32.and (local.get $got) (i32.const 15)))))
      (call $bytes.drop (i32.load (i32.const 64)))
      (drop (call $trailers.read (i32.load (i32.const 68)) (i32.const 256)))
      (call $trailers.drop (i32.load (i32.const 68)))
      (i32.store (i32.const 16) (i32.const 65536)) (i32.store (i32.const 20) (i32.sub (local.get $at) (i32.const 65536)))
      (i32.const 16))${upload.functions}`
  const descriptor = '(borrow $wasi.filesystem.types.descriptor)'
  const lifts = `  (func (export "copy") async (param "from" ${descriptor}) (param "to" ${descriptor}) (result u32) (canon lift (core func $i "copy") MEMORY))
  (func (export "copies") async (param "from" ${descriptor}) (param "to" ${descriptor}) (param "count" u32) (result u32) (canon lift (core func $i "copies") MEMORY))
  (func (export "append") async (param "to" ${descriptor}) (result u32) (canon lift (core func $i "append") MEMORY))
  (func (export "names") async (param "of" ${descriptor}) (result string) (canon lift (core func $i "names") MEMORY))
  (func (export "post") async (param "authority" string) (param "body" (list u8)) (result (list u8)) (canon lift (core func $i "post") MEMORY))${upload.lifts}`
  return { definitions: DEFINITIONS, imports: IMPORTS, functions, lifts }
}
