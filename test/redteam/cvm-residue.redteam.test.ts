/** A capability VM that was wiped is as new: every mutable global and every byte, after random use. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Action, Bound, Layout } from '../../capabilities/isa.ts'
import { cvmWasm } from '../../guests/cvm/cvm.generated.ts'
import { createLedger } from '../../src/gate/ledger.ts'
import { openPolicy } from '../../src/gate/policy.ts'
import { rewriteModule } from '../../src/loader/rewrite.ts'

type Machine = Record<string, ((...values: number[]) => number) & WebAssembly.Global & WebAssembly.Memory>

const module = rewritten()

/** The CVM with its globals exported. */
function rewritten(): WebAssembly.Module {
  const wasm = Uint8Array.from(atob(cvmWasm), (character) => character.charCodeAt(0))
  const { bytes } = rewriteModule(wasm, { fuel: false, exportState: true })
  return new WebAssembly.Module(bytes)
}

const ledger = createLedger()
const { program } = openPolicy(
  [{ resource: 'fs', actions: ['read', 'write'], paths: ['/**'], quota: { bytes: 99 } }],
  ledger,
)

function machine(): Machine {
  const imports = { ledger: ledger.functions as unknown as WebAssembly.ModuleImports, env: { abort: () => {} } }
  return new WebAssembly.Instance(module, imports).exports as unknown as Machine
}

/** As the gate does it: cells, code and pool behind the tables. */
function lend(cvm: Machine): void {
  const { cells } = ledger.open(program.cells)
  const bytes = new Uint8Array(cvm['memory']?.buffer as ArrayBuffer)
  const code = Layout.PROGRAM + Bound.CELLS * 4
  const pool = code + program.code.length
  const grown = cvm['memory'] as WebAssembly.Memory
  grown.grow(1)
  const all = new Uint8Array(grown.buffer)
  expect(bytes.length).toBe(0)
  new Uint32Array(grown.buffer, Layout.PROGRAM).set(cells)
  all.set(program.code, code)
  all.set(program.pool, pool)
  cvm['install']?.(Layout.PROGRAM, code, program.code.length / 8, pool)
  all.set(new TextEncoder().encode('/a'), Layout.BYTES)
  cvm['begin']?.(1_000, 1_000)
}

function stateOf(cvm: Machine): unknown {
  const globals = Object.entries(cvm).filter(([, value]) => value instanceof WebAssembly.Global)
  expect(globals.length).toBeGreaterThan(20)
  const memory = new Uint8Array(cvm['memory']?.buffer as ArrayBuffer)
  const used = memory.findIndex((byte) => byte !== 0)
  return [globals.map(([name, value]) => [name, String(value.value)]), used]
}

test('nothing of a tenant is left in a wiped capability VM', () => {
  const unused = machine()
  unused['wipe']?.()
  const fresh = stateOf(unused)
  const number = fc.oneof(fc.integer({ min: -3, max: 2_000 }), fc.integer())
  const calls = [
    'count',
    'leave',
    'close',
    'refuse',
    'decide',
    'settle',
    'cancel',
    'redecide',
    'openHandle',
    'checkHandle',
    'closeHandle',
    'raiseFlags',
  ] as const
  const random = fc.tuple(fc.constantFrom(...calls), fc.array(number, { minLength: 6, maxLength: 6 }))
  const asked = fc.constant(['decide', [Action['fs.read'], 2, 3, 0, 1_000, 0]] as const)
  const opened = fc.integer({ min: 1, max: 6 }).map((index) => ['openHandle', [1_024 + index - 1, 0]] as const)
  const call = fc.constant([
    ['count', [1]],
    ['decide', [Action['fs.read'], 2, 3, 0, 1_000, 0]],
    ['leave', []],
  ] as const)
  const single = fc.oneof(random, asked, asked, opened).map((step) => [step])
  const steps = fc.array(fc.oneof(single, single, single, call), { maxLength: 80 }).map((all) => all.flat())
  let handles = 0
  fc.assert(
    fc.property(steps, (all) => {
      const cvm = machine()
      lend(cvm)
      for (const [name, values] of all) if ((cvm[name]?.(...values) ?? 0) > 0 && name === 'openHandle') handles++
      cvm['wipe']?.()
      expect(stateOf(cvm)).toEqual(fresh)
    }),
    { numRuns: 200 },
  )
  expect(handles).toBeGreaterThan(0)
})
