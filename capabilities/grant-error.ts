/** What is wrong with a grant, a rule or a pattern, in words for the person who wrote it. */
export class GrantError extends Error {
  override readonly name = 'GrantError'
  readonly code = 'TOKA_GRANT_INVALID'
}
