/**
 * Another process's memory in, how often a text is in it out. `node memory-search.node.mjs PID CODED`: the text is each
 * number of CODED minus one, so that the process which is searched need not hold it.
 */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs'

const [pid, coded = ''] = process.argv.slice(2)
const needle = Buffer.from(coded.split(',').map((code) => Number(code) - 1))
const chunk = Buffer.alloc(1 << 20)
const memory = openSync(`/proc/${pid}/mem`, 'r')
let found = 0
for (const line of readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')) {
  const [, from, to, rights] = /^([0-9a-f]+)-([0-9a-f]+) (r...)/.exec(line) ?? []
  if (!rights?.startsWith('rw')) continue
  let held = 0
  for (let at = BigInt(`0x${from}`); at < BigInt(`0x${to}`); ) {
    let count = 0
    try {
      const rest = Number(BigInt(`0x${to}`) - at)
      count = readSync(memory, chunk, held, Math.min(rest, chunk.length - held), at)
    } catch {
      // Given back since the list was made, or a device's.
      break
    }
    if (count === 0) break
    at += BigInt(count)
    const text = chunk.subarray(0, held + count)
    for (let hit = text.indexOf(needle); hit >= 0; hit = text.indexOf(needle, hit + 1)) found++
    // A text that lies over the border of two pieces; as long as it is itself it would be found twice.
    const overlap = Math.min(needle.length - 1, text.length)
    text.copyWithin(0, text.length - overlap)
    held = overlap
  }
}
closeSync(memory)
process.stdout.write(String(found))
