/** The machine's numbers: the memory map that host and guest share, and the source that the wasm is made with. */
import { expect, test } from 'vitest'
import { isaSource, Layout, SLOT_ADDRESS } from '../../capabilities/isa.ts'

test('the memory map is the one that was drawn: tables one behind the other, the program on a page of its own', () => {
  expect(Layout).toEqual({
    OPERATIONS: 1_024,
    LENGTHS: 2_048,
    INTEGERS: 2_080,
    BYTES: 4_096,
    ENTRIES: 13_312,
    ORDER: 14_848,
    ENTRY_BYTES: 24,
    RESERVATIONS: 16_384,
    RESERVATION_BYTES: 32 + 48 * 24,
    HANDLES: 16_384 + 1_024 * 1_184,
    HANDLE_BYTES: 32 + 2 * 208,
    HANDLE_SIDE_BYTES: 16 + 48 * 4,
    // The tables end at 1,687,552: the next page of 64 KiB is the 26th.
    PROGRAM: 26 * 65_536,
  })
  expect(SLOT_ADDRESS).toEqual([4_096, 8_448, 12_544, 12_800])
})

test('the source has a line for each constant, with its type', () => {
  const lines = isaSource().split('\n')
  expect(lines.shift()).toBe('// The constants of capabilities/isa.ts, generated.')
  expect(lines.pop()).toBe('')
  for (const line of lines) expect(line).toMatch(/^export const [A-Z][A-Za-z]*_\w+: (?:u32|i64|usize) = \d+$/)
  expect(new Set(lines).size).toBe(lines.length)
  expect(lines.filter((line) => line.includes(': i64'))).toEqual(['export const Bound_AMOUNT: i64 = 9007199254740991'])
  expect(lines.filter((line) => line.includes(': usize'))).toHaveLength(24)
  for (const line of [
    'export const ONE_CALL: u32 = 255',
    'export const Opcode_RET: u32 = 0',
    'export const Slot_COUNT: u32 = 8',
    'export const Reason_APPROVAL: u32 = 14',
    'export const RequestFlag_SUBTREE: u32 = 8',
    'export const EntryKind_FLAG_SET: u32 = 6',
    'export const HandleRight_EITHER: u32 = 2',
    'export const Stop_CALLS: u32 = 2',
    'export const Counter_IN_FLIGHT: u32 = 6',
    'export const Bound_POOL_BYTES: u32 = 4194304',
    'export const Dfa_TABLE: usize = 296',
    'export const Layout_PROGRAM: usize = 1703936',
    'export const Action_net_resolve: u32 = 6',
    'export const SlotAddress_3: usize = 12800',
    'export const SlotBytes_0: u32 = 4352',
  ])
    expect(lines).toContain(line)
})
