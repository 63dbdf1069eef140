/** What a run's caller wants to hear in, the listeners of its process out. */
import type { ProcessRun } from '../kernel/process.ts'
import type { RunHooks } from './order.ts'

export function listenersOf({ onOutput, onEvent }: RunHooks): Pick<ProcessRun, 'onOutput' | 'onShown'> {
  if (!onEvent) return onOutput ? { onOutput: (stream, bytes) => onOutput(stream, bytes) } : {}
  return {
    onOutput: (stream, bytes, level) => {
      onOutput?.(stream, bytes.slice())
      onEvent(level === undefined ? { type: stream, bytes } : { type: 'console', level, bytes })
    },
    onShown: onEvent,
  }
}
