/** Host calls with random pointers, lengths, descriptors and flags while the memory grows: nothing breaks, and all of it is reached. */
import { expect, test } from 'vitest'
import { executeSeeds } from '../fuzz/session.ts'
import { syscalls } from '../fuzz/syscalls.ts'

test('random host calls write where they were told, fail as a guest may see it, and keep every limit of the files', async () => {
  const tally = await executeSeeds(await syscalls.open(), 1, 400)
  for (const outcome of [
    'fault',
    'begun',
    'status 0',
    'status 1',
    'status 2',
    'status 4',
    'EBADF',
    'EMFILE',
    'ENOSPC',
    'EXDEV',
    'ENAMETOOLONG',
    'TOKA_CALL_BLOCKING',
    'TOKA_VALUE_SIZE',
  ])
    expect(tally.get(outcome), outcome).toBeGreaterThan(0)
}, 60_000)
