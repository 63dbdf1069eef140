/** A log in a file that a crash cut anywhere: it goes on, and what was cut is kept beside it. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { auditFile } from '../../src/security/index.node.ts'
import { createSecurityManager, type SecurityManager, type SecurityOptions } from '../../src/security/index.ts'
import { openSecurity, refusal, rules } from '../security-world.ts'

const folder = mkdtempSync(join(tmpdir(), 'toka-log-'))
const path = join(folder, 'log')
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Opens the log that is there and goes on with it. */
async function goOn(options: SecurityOptions, reader: SecurityManager) {
  const audit = auditFile(path)
  const auditAfter = audit.before && (await reader.verifyAudit(audit.before)).last
  return { audit, security: createSecurityManager({ ...options, audit, ...(auditAfter ? { auditAfter } : {}) }) }
}

test('a log that is cut at any byte goes on, with all of its whole records', async () => {
  const { security: reader, options } = await openSecurity()
  const first = await goOn(options, reader)
  for (let round = 0; round < 2; round++) {
    const { token } = await first.security.mint({ grants: rules('tool.call=t') })
    await first.security.authorize({ token, operation: 'tool.call', resource: 'no' })
    await first.security.flushAudit()
  }
  await first.audit.close?.()
  const whole = readFileSync(path)
  const { records } = await reader.verifyAudit(whole)
  let most = 0
  for (let length = 0; length <= whole.length; length++) {
    writeFileSync(path, whole.subarray(0, length))
    const { audit, security } = await goOn(options, reader)
    const left = audit.before?.length ?? 0
    expect(audit.torn === undefined).toBe(left === length)
    if (audit.torn !== undefined) expect(readFileSync(audit.torn)).toEqual(whole.subarray(left, length))
    await security.mint({ grants: rules('clock') })
    await security.flushAudit()
    await audit.close?.()
    const after = await reader.verifyAudit(readFileSync(path))
    expect(after.events.at(-1)).toMatchObject({ event: 'mint' })
    expect(after.unsigned).toBe(0)
    most = Math.max(most, after.records)
    for (const name of readdirSync(folder)) rmSync(join(folder, name))
  }
  expect(most).toBe(records + 1)
})

test('a file that is no log is left as it is', async () => {
  const { security } = await openSecurity()
  writeFileSync(path, 'my notes, which are nobody’s to cut')
  const audit = auditFile(path)
  expect(audit.torn).toBeUndefined()
  expect(await refusal(security.verifyAudit(audit.before as Uint8Array))).toContain('does not begin as one')
  await audit.close?.()
  expect(readFileSync(path, 'utf8')).toContain('my notes')
})

test('an earlier log is not begun again by mistake', async () => {
  const { options } = await openSecurity()
  const audit = { before: new Uint8Array(1), append: () => {} }
  expect(() => createSecurityManager({ ...options, audit })).toThrow('give auditAfter')
})
