/** All guests, by family. */
import { family, type Guest } from './guest.ts'
import { callGuests, outputGuests } from './guests/calls.ts'
import { hostGuests } from './guests/host.ts'
import { memoryGuests } from './guests/memory.ts'
import { moduleGuests } from './guests/modules.ts'
import { stackGuests } from './guests/stack.ts'
import { timeGuests } from './guests/time.ts'

/** Harmless: a sandbox that does not pass it is set up wrongly, and none of its other rows count. */
const control = family('control', {
  harmless: [
    'nothing: a value, a call of the host, a wait',
    "const n = await call({ want: 'echo', data: 'four' }); await null; return { sum: n + 38, list: [1, 'a', null] }",
    { quick: true },
  ],
})

export const GUESTS: readonly Guest[] = [
  ...control,
  ...timeGuests,
  ...memoryGuests,
  ...stackGuests,
  ...outputGuests,
  ...callGuests,
  ...hostGuests,
  ...moduleGuests,
]
