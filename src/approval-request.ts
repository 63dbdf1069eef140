/** What an embedding program is asked before a call that wants its yes, and what it answers. */
import type { GrantInput } from '../capabilities/schema.ts'

/** A call that waits for a yes. */
export type ApprovalRequest = {
  operation: 'tool.call' | 'net.fetch'
  /** The tool's name, or the URL. */
  resource: string
  /** A tool's argument. */
  input?: unknown
  /** A request's method. */
  method?: string
}

/**
 * `true` or `false` for this call alone; or grants that narrow the yes: this call must be among what they allow, and later
 * ones that are need not be asked for, as long as their quotas last.
 */
export type ApprovalAnswer = boolean | { grants: GrantInput[] }
