/** Options that cannot be: refused by name, before anything is loaded. */
import { describe, expect, it } from 'vitest'
import { createToka, type RunOptions, type SandboxOptions, type Tool, type TokaOptions } from '../../src/index.ts'
import { checkRunOptions, checkSandboxOptions, splitRequest } from '../../src/request.ts'
import { checkRuntime } from '../../src/runtime.ts'
import { Toolbox } from '../../src/tool.ts'

const refusal = (act: () => unknown): string => {
  try {
    act()
  } catch (error) {
    return `${String((error as { code?: string }).code)}: ${(error as Error).message}`
  }
  return 'accepted'
}

describe('an option that does not exist', () => {
  it('of createToka is named', async () => {
    await expect(createToka({ bogus: 1, isolation: 'inline' } as TokaOptions)).rejects.toMatchObject({
      code: 'TOKA_REQUEST_INVALID',
      message: 'createToka has no option "bogus"',
    })
  })

  it('of a run is named: what only a sandbox has, too', () => {
    const limits = { memoryBytes: 2 ** 26 } as RunOptions['limits']
    expect(refusal(() => checkRunOptions({ source: '1', ...(limits ? { limits } : {}) }, 'javascript'))).toContain(
      'memoryBytes',
    )
    const whole = { language: 'javascript' as const, source: '1', limits: { memoryBytes: 2 ** 26, timeoutMs: 5 } }
    expect(splitRequest(whole).sandbox.limits).toMatchObject({ memoryBytes: 2 ** 26 })
  })

  it('deep inside is named as one writes it', () => {
    const options = { language: 'javascript', mounts: [{ at: '/data', from: '.', mode: 'rx' }] } as unknown
    expect(refusal(() => checkSandboxOptions(options as SandboxOptions))).toContain('sandbox options: mounts[0].mode: ')
    const files = { language: 'javascript', files: { 'a b': 1 } } as unknown
    expect(refusal(() => checkSandboxOptions(files as SandboxOptions))).toContain('files["a b"]')
  })
})

describe('a tool that was not made with defineTool', () => {
  it('is refused, even one that looks like it', async () => {
    const made = (await import('../../src/tool.ts')).defineTool
    const z = await import('zod')
    const tool = made({ name: 'a', description: '', input: z.object({}), run: () => 1 })
    expect(refusal(() => new Toolbox([tool]))).toBe('accepted')
    expect(refusal(() => new Toolbox([{ ...tool, name: '../a' } as Tool]))).toContain('TOKA_TOOL_INVALID')
  })
})

describe('a runtime that is too old', () => {
  it.each(['20.19.4', '22.12.0', '18.0.0'])('is told so: Node %s', (version) => {
    expect(refusal(() => checkRuntime(version))).toBe(
      `TOKA_RUNTIME_UNSUPPORTED: toka needs Node 22.13 or newer; this is Node ${version}`,
    )
  })

  it.each(['22.13.0', '24.0.0', undefined])('is not: %s', (version) => {
    expect(refusal(() => checkRuntime(version))).toBe('accepted')
  })

  it('is told what it lacks where it is no Node', () => {
    const { groupBy } = Map
    try {
      Reflect.deleteProperty(Map, 'groupBy')
      expect(refusal(() => checkRuntime())).toContain('has no Map.groupBy')
    } finally {
      Object.defineProperty(Map, 'groupBy', { value: groupBy, configurable: true, writable: true })
    }
  })
})
