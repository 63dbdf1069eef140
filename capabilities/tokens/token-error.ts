/** What is wrong with a token or a key: a code that programs read and a sentence that people read. */

/**
 * `text`: not a token's text, or too large; `header`, `claims`: a link says what it must not, or not what it must;
 * `signature`: a signature, a key or the proof of possession does not hold; `key`: no configured key of that name;
 * `chain`: links that do not follow one another; `wider`: a link that is not narrower than its parent; `audience`: meant
 * for someone else; `expired`, `early`: not now; `revoked`: a link was revoked; `stale`: the list of revoked links is too
 * old to say.
 */
export type TokenProblem =
  | 'text'
  | 'header'
  | 'claims'
  | 'signature'
  | 'key'
  | 'chain'
  | 'wider'
  | 'audience'
  | 'expired'
  | 'early'
  | 'revoked'
  | 'stale'

export class TokenError extends Error {
  override readonly name = 'TokenError'
  readonly problem: TokenProblem
  /** The link that it is about, from 0 (the root); undefined when it is about the whole. */
  readonly link: number | undefined

  constructor(problem: TokenProblem, message: string, link?: number) {
    super(link === undefined ? message : `link ${link}: ${message}`)
    this.problem = problem
    this.link = link
  }
}
