/** Cedar and Biscuit, asked the same: may this file be read, by one rule and by thousands; and a token of blocks, verified. */
import { createRequire } from 'node:module'
import { type Measure, measure } from '../measure.ts'
import { installPeers } from './install.ts'

export type Question = {
  rules: readonly number[]
  ruleOf: (index: number) => string
  /** What is asked for: it lies beneath the last rule. */
  fileOf: (rules: number) => string
}

type Cedar = {
  preparsePolicySet(name: string, policies: { staticPolicies: string }): { type: string }
  statefulIsAuthorized(call: object): { type: string; response?: { decision: string } }
}

type Block = { addCode(source: string): void }
type Biscuit = {
  KeyPair: new (algorithm: number) => { getPrivateKey(): unknown; getPublicKey(): unknown }
  SignatureAlgorithm: { Ed25519: number }
  Biscuit: {
    builder(): Block & { build(key: unknown): BiscuitToken }
    block_builder(): Block
    fromBytes(bytes: Uint8Array, key: unknown): BiscuitToken
  }
  AuthorizerBuilder: new () => Block & { buildAuthenticated(token: BiscuitToken): Authorizer; free(): void }
}
type BiscuitToken = { appendBlock(block: Block): BiscuitToken; toBytes(): Uint8Array; free(): void }
type Authorizer = { authorizeWithLimits(limits: object): number; free(): void }

/** The path of a rule without its pattern. */
const prefixOf = (rule: string): string => rule.replace(/\*\*$/, '')

async function* cedarRows({ rules, ruleOf, fileOf }: Question): AsyncGenerator<Measure> {
  const cedar = createRequire(import.meta.url)('@cedar-policy/cedar-wasm/nodejs') as Cedar
  for (const count of rules) {
    const policies = Array.from(
      { length: count },
      (_, index) =>
        `permit(principal, action == Action::"read", resource) when { context.path like "${prefixOf(ruleOf(index))}*" };`,
    )
    cedar.preparsePolicySet(`rules-${count}`, { staticPolicies: policies.join('\n') })
    const call = {
      principal: { type: 'User', id: 'guest' },
      action: { type: 'Action', id: 'read' },
      resource: { type: 'File', id: 'file' },
      context: { path: fileOf(count) },
      preparsedPolicySetId: `rules-${count}`,
      validateRequest: false,
      entities: [],
    }
    const decide = async (): Promise<void> => {
      if (cedar.statefulIsAuthorized(call).response?.decision !== 'allow') throw new Error('Cedar refuses')
    }
    yield await measure(
      `decision, ${count} rules: Cedar (policies parsed before)`,
      'us',
      count > 1_000 ? 20 : 100,
      decide,
    )
  }
}

async function* biscuitRows({ rules, ruleOf, fileOf }: Question): AsyncGenerator<Measure> {
  const biscuit = (await import('@biscuit-auth/biscuit-wasm' as string)) as Biscuit
  const pair = new biscuit.KeyPair(biscuit.SignatureAlgorithm.Ed25519)
  // Making a token uses its builder up.
  const mint = () => {
    const root = biscuit.Biscuit.builder()
    root.addCode('user("guest")')
    return root.build(pair.getPrivateKey())
  }
  let token = mint()
  for (let blocks = 1; blocks <= 8; blocks++) {
    if (blocks > 1) {
      const block = biscuit.Biscuit.block_builder()
      block.addCode(`check if path($p), $p.starts_with("${prefixOf(ruleOf(0))}")`)
      token = token.appendBlock(block)
    }
    if (blocks !== 1 && blocks !== 3 && blocks !== 8) continue
    const bytes = token.toBytes()
    yield await measure(`verify a chain of ${blocks}: Biscuit`, 'us', 60, async () =>
      biscuit.Biscuit.fromBytes(bytes, pair.getPublicKey()).free(),
    )
  }
  const bearer = mint()
  for (const count of rules) {
    const policies = Array.from(
      { length: count },
      (_, index) => `allow if path($p), $p.starts_with("${prefixOf(ruleOf(index))}");`,
    ).join('\n')
    const decide = async (): Promise<void> => {
      const builder = new biscuit.AuthorizerBuilder()
      builder.addCode(`path("${fileOf(count)}");\n${policies}`)
      const authorizer = builder.buildAuthenticated(bearer)
      authorizer.authorizeWithLimits({ max_time_micro: 10_000_000 })
      authorizer.free()
    }
    yield await measure(
      `decision, ${count} rules: Biscuit (policies parsed each time)`,
      'us',
      count > 100 ? 5 : 60,
      decide,
    )
  }
}

/** Both peers' rows; one that cannot be installed or does not run here is said, and left out. */
export async function* decisionPeers(question: Question): AsyncGenerator<Measure> {
  const failed = installPeers()
  if (failed) {
    process.stderr.write(`the peers cannot be installed: ${failed}\n`)
    return
  }
  for (const rows of [cedarRows, biscuitRows]) {
    try {
      yield* rows(question)
    } catch (error) {
      process.stderr.write(`${rows.name} stops: ${String((error as Error).message ?? error).slice(0, 300)}\n`)
    }
  }
}
