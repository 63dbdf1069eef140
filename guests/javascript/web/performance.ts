/** `performance`: milliseconds since the run began, by the kernel's clock. */
import { now } from '../natives.ts'
import { atStart } from '../run.ts'
import { tagClass } from '../realm/define.ts'

const WALL = 0
const MONOTONIC = 1

let startedAt = 0
let origin = 0

atStart(() => {
  startedAt = now(MONOTONIC)
  origin = now(WALL)
})

/** Milliseconds since the run began. */
export function elapsed(): number {
  return now(MONOTONIC) - startedAt
}

class Performance {
  now(): number {
    return elapsed()
  }

  get timeOrigin(): number {
    return origin
  }

  toJSON(): { timeOrigin: number } {
    return { timeOrigin: origin }
  }
}

tagClass(Performance, 'Performance')

export const performance = new Performance()
