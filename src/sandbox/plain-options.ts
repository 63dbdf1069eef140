/** What a sandbox is made of in, what of it a worker is sent out: data that can be cloned, without what stays here. */
import type { Policy } from '../gate/policy.ts'
import type { SandboxOptions } from '../request.ts'
import type { MessageOf, ToWorker } from './protocol.ts'

type Opening = MessageOf<ToWorker, 'open'>

/** Bytes of their own: a view would bring all of its memory along. */
const own = (content: string | Uint8Array): string | Uint8Array<ArrayBuffer> =>
  typeof content === 'string' ? content : new Uint8Array(content)

export function plainOptions({
  language,
  files,
  mounts,
  env,
  deterministic,
  priority,
  metering,
}: SandboxOptions): Opening['options'] {
  return {
    language,
    ...(files
      ? { files: Object.fromEntries(Object.entries(files).map(([path, content]) => [path, own(content)])) }
      : {}),
    ...(mounts ? { mounts } : {}),
    ...(env ? { env } : {}),
    ...(deterministic ? { deterministic } : {}),
    ...(priority ? { priority } : {}),
    ...(metering ? { metering } : {}),
  }
}

export function plainPolicy({
  program: { code, pool, cells, predicates = [], approvals = false },
  account,
}: Policy): Opening['policy'] {
  return {
    program: {
      code: new Uint8Array(code),
      pool: new Uint8Array(pool),
      cells: cells.map(({ kind, initial }) => ({ kind, initial })),
      predicates: JSON.stringify(predicates),
      approvals,
    },
    account: { holders: account.holders, cells: [...account.cells], own: [...(account.own ?? account.cells)] },
  }
}
