/** A snapshot's content in, bytes with a key's seal out; back, nothing of the content is looked at before the seal is. */
import { TokaError, type TokaErrorCode } from '../errors.ts'

type Bytes = Uint8Array<ArrayBuffer>

/** "TOKASNP" and a zero. */
const MAGIC = [0x54, 0x4f, 0x4b, 0x41, 0x53, 0x4e, 0x50, 0x00] as const
/** Version of the bytes around the content, of the content itself, and of what the seal is made by. Others are refused. */
const FORMAT = 1
/** Bytes by which a key is recognised: they tell nothing of it. */
const KEY_MARK = 8
/** Magic, format, mark of the key, length of the content (u64); numbers are little-endian. */
const AT = { format: 8, mark: 12, length: 20, content: 28 } as const
/** Bytes of HMAC-SHA-256. */
const SEAL = 32
/** Bytes of a key: less than a hash is guessed, more than its block adds nothing. */
export const SNAPSHOT_KEY_BYTES = { least: 32, most: 64 } as const

function refused(what: 'INVALID' | 'TRUNCATED' | 'KEY' | 'VERSION', reason: string): TokaError {
  return new TokaError(`TOKA_SNAPSHOT_${what}` satisfies TokaErrorCode, `the snapshot is refused: ${reason}`)
}

/** For snapshots without a key of the caller's: it dies with the process. */
let ownKey: Bytes | undefined

function processKey(): Bytes {
  ownKey ??= crypto.getRandomValues(new Uint8Array(SNAPSHOT_KEY_BYTES.least))
  return ownKey
}

type Key = { hmac: CryptoKey; mark: Bytes }

async function importKey(bytes: Bytes): Promise<Key> {
  const { subtle } = crypto
  const hmac = await subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify'])
  const named = await subtle.sign('HMAC', hmac, new TextEncoder().encode('the key of a snapshot'))
  return { hmac, mark: new Uint8Array(named).slice(0, KEY_MARK) }
}

/** Seals snapshots with one key, and opens what was sealed with it. */
export class SnapshotSeal {
  readonly #bytes: Bytes | undefined
  #key: Promise<Key> | undefined

  /**
   * @param key secret bytes; without them snapshots are good in this process alone
   * @throws TokaError TOKA_REQUEST_INVALID for a key of another length
   */
  constructor(key?: Uint8Array) {
    const { least, most } = SNAPSHOT_KEY_BYTES
    if (key !== undefined && !(key instanceof Uint8Array && key.length >= least && key.length <= most))
      throw new TokaError(
        'TOKA_REQUEST_INVALID',
        `snapshotKey: must be a Uint8Array of ${least} to ${most} secret bytes`,
      )
    this.#bytes = key && Uint8Array.from(key)
  }

  async close(content: Uint8Array): Promise<Bytes> {
    const { hmac, mark } = await this.#imported()
    const end = AT.content + content.length
    const sealed = new Uint8Array(end + SEAL)
    const view = new DataView(sealed.buffer)
    sealed.set(MAGIC)
    view.setUint32(AT.format, FORMAT, true)
    sealed.set(mark, AT.mark)
    view.setBigUint64(AT.length, BigInt(content.length), true)
    sealed.set(content, AT.content)
    sealed.set(new Uint8Array(await crypto.subtle.sign('HMAC', hmac, sealed.subarray(0, end))), end)
    return sealed
  }

  /**
   * The content of a snapshot that was sealed with this key, as bytes of its own.
   * @throws TokaError TOKA_SNAPSHOT_INVALID, TOKA_SNAPSHOT_TRUNCATED, TOKA_SNAPSHOT_VERSION or TOKA_SNAPSHOT_KEY
   */
  async open(snapshot: Uint8Array): Promise<Bytes> {
    // The caller's bytes may change, or belong to several threads: what is checked is what is read.
    const sealed = new Uint8Array(snapshot)
    const { hmac, mark } = await this.#imported()
    const end = endOf(sealed, mark)
    const proof = sealed.subarray(end)
    if (!(await crypto.subtle.verify('HMAC', hmac, proof, sealed.subarray(0, end))))
      throw refused('INVALID', 'its bytes were changed')
    return sealed.subarray(AT.content, end)
  }

  #imported(): Promise<Key> {
    this.#key ??= importKey(this.#bytes ?? processKey())
    return this.#key
  }
}

/** Where the seal begins. Only what lies at fixed places is compared, to say what is wrong. */
function endOf(sealed: Bytes, mark: Bytes): number {
  if (!MAGIC.every((byte, at) => at >= sealed.length || sealed[at] === byte))
    throw refused('INVALID', 'it is no snapshot')
  if (sealed.length < AT.content) throw refused('TRUNCATED', `it has ${sealed.length} bytes, fewer than any snapshot`)
  const view = new DataView(sealed.buffer)
  const format = view.getUint32(AT.format, true)
  if (format !== FORMAT) throw refused('VERSION', `its format is version ${format}, not ${FORMAT}`)
  if (!mark.every((byte, at) => sealed[AT.mark + at] === byte))
    throw refused('KEY', 'it was made with another snapshotKey, or without one in another process')
  const missing = view.getBigUint64(AT.length, true) + BigInt(AT.content + SEAL - sealed.length)
  if (missing > 0n) throw refused('TRUNCATED', `${missing} bytes are missing`)
  if (missing < 0n) throw refused('INVALID', `it has ${-missing} bytes too many`)
  return sealed.length - SEAL
}
