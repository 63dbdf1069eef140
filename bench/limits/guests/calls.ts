/** Guests that attack what lies between them and the host: the console, and the host's function. */
import { family } from '../guest.ts'

export const outputGuests = family('output', {
  'log-flood': ['console.log without end', "for (;;) console.log('x'.repeat(1000))", { prints: true, quick: true }],
  'error-flood': ['console.error without end', "for (;;) console.error('y'.repeat(1000))", { prints: true }],
  'long-lines': ['lines of 8 MB', "const s = 'x'.repeat(2 ** 23); for (;;) console.log(s)", { prints: true }],
})

export const callGuests = family('calls', {
  'call-flood': [
    'awaited calls without end',
    "for (;;) { try { await call({ want: 'echo', data: 'x' }) } catch {} }",
    { quick: true },
  ],
  'call-storm': [
    '100,000 calls at once',
    "const a = []; for (let i = 0; i < 1e5; i++) a.push(call({ want: 'later' }).catch(() => 0)); await Promise.all(a)",
  ],
  'call-endless-storm': [
    'calls without end, none awaited',
    "for (;;) { try { const p = call({ want: 'later' }); p?.catch?.(() => 0) } catch {} }",
  ],
  'huge-argument': [
    '16 MB arguments without end',
    "const data = 'x'.repeat(2 ** 24); for (;;) { try { await call({ want: 'echo', data }) } catch {} }",
  ],
  'huge-result': [
    '64 MB results, kept',
    "const a = []; for (;;) { try { a.push(await call({ want: 'huge' })) } catch {} }",
  ],
  throwing: ['calls that throw, each caught', "for (;;) { try { await call({ want: 'throw' }) } catch {} }"],
  'never-answered': ['a call that the host never answers', "await call({ want: 'never' })"],
})
