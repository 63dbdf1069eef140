/** Tokens that were opened before: signatures and proofs of a text never change, so they are checked once. */
import { type Chain, type ChainKeys, openChain, splitToken } from '../../capabilities/tokens/chain.ts'
import { splitJws } from '../../capabilities/tokens/jws.ts'
import { TokenError } from '../../capabilities/tokens/token-error.ts'
import { TokaError } from '../errors.ts'

const KEPT = 1_024

/** The error of the library for what is wrong with a token. */
export function tokenError(error: unknown): unknown {
  if (!(error instanceof TokenError)) return error
  return new TokaError('TOKA_TOKEN_INVALID', `the token is refused (${error.problem}): ${error.message}`, {
    cause: error,
  })
}

/** The name of the key that a token's root is signed with. */
export function rootKidOf(token: string): string | undefined {
  return splitJws(token.slice(0, token.indexOf('~'))).header.kid
}

export class VerifiedTokens {
  readonly #rootKey: NonNullable<ChainKeys['rootKey']>
  readonly #chains = new Map<string, Chain>()

  constructor(rootKey: NonNullable<ChainKeys['rootKey']>) {
    this.#rootKey = rootKey
  }

  /**
   * Opens a token. The root's key is asked for each time: it may be gone since.
   * @throws TokenError
   */
  async open(token: string): Promise<Chain> {
    const known = this.#chains.get(token)
    if (!known) return this.#keep(token, await openChain(splitToken(token), { rootKey: this.#rootKey }))
    const { header } = splitJws(token.slice(0, token.indexOf('~')))
    if (!(await this.#rootKey(header))) throw new TokenError('key', 'the key of its root is gone', 0)
    return this.#keep(token, known)
  }

  /** The most recently used come last. */
  #keep(token: string, chain: Chain): Chain {
    this.#chains.delete(token)
    this.#chains.set(token, chain)
    if (this.#chains.size > KEPT) this.#chains.delete(this.#chains.keys().next().value!)
    return chain
  }
}
