// The predicates of a program, which only look at the request: equality, sets, automata, networks. AssemblyScript over raw memory.
import {
  Dfa_ACCEPT, Dfa_CLASSES, Dfa_MAP, Dfa_START, Dfa_TABLE, Dfa_UNIVERSAL, Layout_BYTES, Layout_INTEGERS,
  Layout_LENGTHS, Slot_INTEGERS, SlotAddress_1, SlotAddress_2, SlotAddress_3,
} from './isa.generated'

@inline function bytesAt(slot: u32): usize {
  return slot == 0 ? Layout_BYTES : slot == 1 ? SlotAddress_1 : slot == 2 ? SlotAddress_2 : SlotAddress_3
}

@inline function lengthOf(slot: u32): u32 {
  return load<u32>(Layout_LENGTHS + (<usize>slot << 2))
}

@inline export function integer(slot: u32): i64 {
  return load<i64>(Layout_INTEGERS + (<usize>(slot - Slot_INTEGERS) << 3))
}

/** Runs an automaton over a slot. It stops early where nothing, or everything, can follow. */
export function accepts(at: usize, slot: u32, subtree: bool): bool {
  const classes = <usize>load<u16>(at, Dfa_CLASSES)
  const universal = <usize>load<u8>(at, Dfa_UNIVERSAL)
  const map = at + Dfa_MAP
  const table = at + Dfa_TABLE
  let state = <usize>load<u8>(at, Dfa_START)
  let cursor = bytesAt(slot)
  const end = cursor + lengthOf(slot)
  while (cursor < end) {
    state = <usize>load<u8>(table + state * classes + <usize>load<u8>(map + <usize>load<u8>(cursor)))
    if (state == 0) return false
    if (state == universal) return true
    cursor++
  }
  if (subtree && slot == 0) return state != 0 && state == universal
  return ((load<u8>(at + (state >> 3), Dfa_ACCEPT) >> <u8>(state & 7)) & 1) != 0
}

function compare(left: usize, leftLength: u32, right: usize, rightLength: u32): i32 {
  const shared = min(leftLength, rightLength)
  for (let index: u32 = 0; index < shared; index++) {
    const difference = <i32>load<u8>(left + index) - <i32>load<u8>(right + index)
    if (difference != 0) return difference
  }
  return leftLength == rightLength ? 0 : leftLength < rightLength ? -1 : 1
}

export function equals(slot: u32, at: usize): bool {
  if (slot >= Slot_INTEGERS) return integer(slot) == load<i64>(at)
  return compare(bytesAt(slot), lengthOf(slot), at + 4, load<u32>(at)) == 0
}

/** Binary search in a sorted set: u32 count, u32 0, then i64s, or u32 offset and u32 length of each blob in the pool. */
export function contains(slot: u32, at: usize, pool: usize): bool {
  let low: u32 = 0
  let high = load<u32>(at)
  while (low < high) {
    const middle = (low + high) >> 1
    const item = at + 8 + (<usize>middle << 3)
    let order: i32
    if (slot >= Slot_INTEGERS) {
      const value = integer(slot)
      const other = load<i64>(item)
      order = value == other ? 0 : value < other ? -1 : 1
    } else {
      order = compare(bytesAt(slot), lengthOf(slot), pool + load<u32>(item), load<u32>(item, 4))
    }
    if (order == 0) return true
    if (order < 0) high = middle
    else low = middle + 1
  }
  return false
}

export function inNetwork(slot: u32, at: usize, size: u32): bool {
  if (lengthOf(slot) != size) return false
  const address = bytesAt(slot)
  for (let index: u32 = 0; index < size; index++) {
    if ((load<u8>(address + index) & load<u8>(at + size + index)) != load<u8>(at + index)) return false
  }
  return true
}
