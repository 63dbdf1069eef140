/** A program of its own: milliseconds from its first import to its first result, printed. The arguments are the cache's directory and the language. */
const started = performance.now()
const { createToka } = await import('toka')
const toka = await createToka({ cache: process.argv[2] ?? false })
const { value } = await toka.run({ language: process.argv[3] === 'python' ? 'python' : 'javascript', source: '1 + 1' })
const took = performance.now() - started
await toka.dispose()
if (value !== 2) throw new Error(`1 + 1 is ${value}`)
process.stdout.write(String(took))
