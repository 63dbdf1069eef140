/** A program of its own: milliseconds from its first import to its first result, printed. The argument is the cache's directory. */
const started = performance.now()
const { createToka } = await import('toka')
const toka = await createToka({ cache: process.argv[2] ?? false })
const { value } = await toka.run({ language: 'javascript', source: '1 + 1' })
const took = performance.now() - started
await toka.dispose()
if (value !== 2) throw new Error(`1 + 1 is ${value}`)
process.stdout.write(String(took))
