/** The audit trail: a chain over every decision, in which no byte can change unseen. */
import { describe, expect, test } from 'vitest'
import { Audit, type AuditBatch, verifyAudit } from '../../src/gate/audit.ts'

const RECORD = { time: 1_000, operation: 0, reason: 0, link: 0, amount: 5, resource: '/data/a' }

function filled(count: number): Audit {
  const audit = new Audit()
  for (let index = 0; index < count; index++) audit.add({ ...RECORD, resource: `/data/${index}` })
  return audit
}

describe('audit', () => {
  test('the head depends on every record and on their order', () => {
    const heads = new Set<string>()
    for (const count of [0, 1, 2, 3]) heads.add(filled(count).head)
    const swapped = new Audit()
    for (const resource of ['/data/1', '/data/0']) swapped.add({ ...RECORD, resource })
    heads.add(swapped.head)
    expect(heads.size).toBe(5)
    expect(filled(3).head).toBe(filled(3).head)
    expect(filled(3).head).toMatch(/^[0-9a-f]{64}$/)
  })

  test('a denial is hashed at once, allowed calls in batches', () => {
    const audit = new Audit()
    audit.add(RECORD)
    audit.add({ ...RECORD, reason: 1 })
    audit.add(RECORD)
    expect(audit.batches.map(({ bytes }) => bytes.length)).toEqual([2 * (22 + 7), 22 + 7])
    expect(audit.records).toBe(3)
  })

  test('a batch that is changed, dropped or put elsewhere does not verify', () => {
    const audit = new Audit()
    for (let index = 0; index < 5; index++) audit.add({ ...RECORD, reason: index % 2 })
    const batches = audit.batches
    expect(batches.length).toBeGreaterThan(2)
    expect(verifyAudit(batches)).toBe(true)
    const changed = (change: (batch: AuditBatch) => AuditBatch): AuditBatch[] =>
      batches.map((batch, index) => (index === 1 ? change(batch) : batch))
    expect(
      verifyAudit(
        changed((batch) => ({ ...batch, bytes: batch.bytes.map((byte, at) => (at === 13 ? byte ^ 1 : byte)) })),
      ),
    ).toBe(false)
    expect(verifyAudit(changed((batch) => ({ ...batch, head: batch.previous })))).toBe(false)
    expect(verifyAudit(batches.filter((_, index) => index !== 1))).toBe(false)
    expect(verifyAudit([...batches].reverse())).toBe(false)
  })

  test('a long trail keeps its newest part, which still verifies, and its head covers all', () => {
    const audit = filled(20_000)
    const kept = audit.batches.reduce((sum, { bytes }) => sum + bytes.length, 0)
    expect(kept).toBeLessThanOrEqual(262_144)
    expect(verifyAudit(audit.batches)).toBe(true)
    expect(audit.records).toBe(20_000)
    expect(audit.batches.at(-1)?.head.length).toBe(32)
  })

  test('a record holds what was decided', () => {
    const audit = new Audit()
    audit.add({ time: 1_234.5, operation: 4, reason: 7, link: 2, amount: 99, resource: 'é' })
    const bytes = audit.batches[0]!.bytes
    const view = new DataView(bytes.buffer)
    expect([
      view.getUint32(0, true),
      view.getFloat64(4, true),
      ...bytes.slice(12, 16),
      view.getUint32(16, true),
      view.getUint16(20, true),
    ]).toEqual([0, 1_234.5, 4, 7, 2, 0, 99, 2])
    expect(new TextDecoder().decode(bytes.subarray(22))).toBe('é')
  })
})
