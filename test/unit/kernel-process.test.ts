/** Processes: runs, streams, and what their end leaves. */
import { describe, expect, test } from 'vitest'
import type { HostFile } from '../../src/kernel/host-port.ts'
import { GuestFacingError } from '../../src/kernel/host-port.ts'
import { OpenBit, Operation } from '../../src/kernel/operations.ts'
import { decodeValue, encodeValue } from '../../src/kernel/values.ts'
import { boot, bytes, concat, mountPort, port, text, u32 } from './kernel-guest.ts'

const later = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** A promise and its handles. */
function held<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: Error) => void } {
  let resolve: (value: T) => void = () => {}
  let reject: (error: Error) => void = () => {}
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}

describe('a process', () => {
  test('private calls are answered at once, without a promise', () => {
    const { kernel } = boot()
    const opened = kernel.process.call(Operation.PathOpen, concat(u32(OpenBit.write | OpenBit.create), bytes('/tmp/a')))
    expect(opened).toEqual(u32(3))
    expect(kernel.process.call(Operation.FdWrite, concat(u32(3), bytes('hi')))).toEqual(u32(2))
    expect(kernel.process.call(Operation.FdClose, u32(3))).toEqual(new Uint8Array(0))
  })

  test('takes the lowest free descriptor', async () => {
    const { guest } = boot()
    const open = (): Promise<number> => guest.open('/tmp')
    expect([await open(), await open(), await open()]).toEqual([3, 4, 5])
    await guest.close(4)
    await guest.close(1)
    expect([await open(), await open(), await open()]).toEqual([1, 4, 6])
    await expect(guest.close(99)).rejects.toMatchObject({ code: 'EBADF' })
  })

  test('tells arguments, environment and number; asks the port for the host’s environment', async () => {
    const { guest } = boot({
      process: { args: ['a', 'b'], env: { LANG: 'de', ['__proto__']: 'own' } },
      port: port({ environment: (name) => (name === 'HOME' ? '/h' : undefined) }),
    })
    expect(decodeValue(await guest.call(Operation.ProcessInfo))).toMatchObject({ args: ['a', 'b'], pid: 1 })
    expect(decodeValue(await guest.call(Operation.EnvironmentRead, bytes('HOME')))).toBe('/h')
    expect(decodeValue(await guest.call(Operation.EnvironmentRead, bytes('PATH')))).toBeUndefined()
  })

  test('calls tools with encoded values and lists them', async () => {
    const tools = [{ name: 'echo', description: 'says it again', input: { type: 'object' } }]
    const { guest } = boot({
      tools,
      port: port({ callTool: async (name, input) => encodeValue([name, decodeValue(input)]) }),
    })
    expect(decodeValue(await guest.call(Operation.ToolList))).toEqual(tools)
    expect(await guest.tool('echo', { id: 7n })).toEqual(['echo', { id: 7n }])
  })

  test('a tool’s own failure reaches the guest as it is', async () => {
    const { guest } = boot({
      port: port({
        callTool: () => {
          throw new GuestFacingError('TOKA_DENIED', 'not granted')
        },
      }),
    })
    await expect(guest.tool('x', 1)).rejects.toMatchObject({ code: 'TOKA_DENIED', message: 'not granted' })
  })

  test('an error that nobody meant for a guest stays a fault of ours', async () => {
    const { guest } = boot({
      port: port({
        callTool: () => {
          throw new TypeError('/host/path')
        },
      }),
    })
    await expect(guest.tool('x', 1)).rejects.toBeInstanceOf(TypeError)
  })

  test('unknown operations and the engine’s own are ENOSYS', async () => {
    const { guest } = boot()
    for (const operation of [0, 7, 99, Operation.EngineFirst, 2 ** 31, -1, Number.NaN])
      await expect(guest.call(operation)).rejects.toMatchObject({ code: 'ENOSYS' })
  })

  test('launching without a launcher is ENOSYS; with one the child has its own number and descriptors', async () => {
    const { kernel } = boot()
    await expect(kernel.processes.launch(kernel.process, { args: ['ls'] })).rejects.toMatchObject({ code: 'ENOSYS' })
    const started: string[] = []
    const other = boot({
      launch: (process, { args }) => void started.push(`${process.pid} ${args.join(' ')}`),
      limits: { processes: 2 },
    })
    other.kernel.process.cwd = '/tmp'
    const child = await other.kernel.processes.launch(other.kernel.process, { args: ['ls', '-l'] })
    expect([started, child.pid, child.cwd, other.kernel.processes.size]).toEqual([['2 ls -l'], 2, '/tmp', 2])
    await expect(other.kernel.processes.launch(other.kernel.process, { args: ['x'] })).rejects.toMatchObject({
      code: 'EAGAIN',
    })
    other.kernel.processes.remove(child)
    expect(child.signal.aborted).toBe(true)
    expect((await other.kernel.processes.launch(other.kernel.process, { args: ['x'] })).pid).toBe(3)
  })
})

describe('the end of a run', () => {
  test('calls that wait fail at once, their signal is aborted, and late answers are dropped', async () => {
    const answer = held<Uint8Array>()
    let signal: AbortSignal | undefined
    const { guest, kernel } = boot({
      port: port({
        callTool: (_name, _input, given) => {
          signal = given
          return answer.promise
        },
      }),
    })
    const call = guest.tool('slow', 1)
    await Promise.resolve()
    kernel.process.end()
    await expect(call).rejects.toMatchObject({ code: 'ECANCELED' })
    expect(signal?.aborted).toBe(true)
    answer.resolve(encodeValue('late'))
    await later(0)
    expect(kernel.process.waiting).toBe(0)
    await expect(guest.tool('slow', 1)).rejects.toMatchObject({ code: 'ECANCELED' })
  })

  test('the next run has new streams and a new signal, and keeps its files', async () => {
    const { guest, kernel } = boot({ process: { stdin: 'first', args: ['1'] } })
    const fd = await guest.open('/tmp/kept', 'w')
    await guest.write(1, 'out one')
    const { process } = kernel
    const before = process.stdout
    process.begin({ stdin: 'second', args: ['2'] })
    expect(before.text()).toBe('out one')
    expect(process.stdout.text()).toBe('')
    expect(await guest.read(0)).toBe('second')
    expect(process.signal.aborted).toBe(false)
    expect(await guest.write(fd, 'still open')).toBe(10)
  })

  test('a file of a mount that opens too late is closed again', async () => {
    const opened = held<HostFile>()
    let closed = 0
    const files = { ...mountPort([]), resolve: (_mount: number, path: string) => path, open: () => opened.promise }
    const { guest, kernel } = boot({ mounts: ['/m'], port: port({ files }) })
    const call = guest.open('/m/x')
    await Promise.resolve()
    kernel.process.end()
    await expect(call).rejects.toMatchObject({ code: 'ECANCELED' })
    opened.resolve({ close: () => void closed++ } as unknown as HostFile)
    await later(0)
    expect(closed).toBe(1)
  })

  test('a file is not made after the end by an open that was still resolving', async () => {
    const resolved = held<void>()
    const files = { ...mountPort([]), resolve: (_mount: number, path: string) => resolved.promise.then(() => path) }
    const { guest, kernel } = boot({ mounts: ['/m'], port: port({ files }) })
    const calls = [
      guest.open('/m/x/../../tmp/late', 'w'),
      guest.rename('/tmp', '/m/x/../../moved'),
      guest.chdir('/m/x/../../tmp'),
    ]
    await Promise.resolve()
    kernel.process.end()
    for (const call of calls) await expect(call).rejects.toMatchObject({ code: 'ECANCELED' })
    resolved.resolve()
    await later(0)
    kernel.process.begin()
    expect(await guest.list('/')).toEqual(['m', 'tmp'])
    expect(await guest.list('/tmp')).toEqual([])
    expect(await guest.cwd()).toBe('/')
  })

  test('dispose closes every descriptor, and a file that fails to close keeps none of the others open', async () => {
    const closed: string[] = []
    const file = (name: string): HostFile =>
      ({
        close: () => {
          closed.push(name)
          throw new Error('the disk is gone')
        },
      }) as unknown as HostFile
    const files = {
      ...mountPort([]),
      resolve: (_mount: number, path: string) => path,
      open: (_mount: number, path: string) => file(path),
    }
    const { guest, kernel } = boot({ mounts: ['/m'], port: port({ files }) })
    await guest.open('/m/a')
    await guest.open('/m/b')
    kernel.dispose()
    expect(closed).toEqual(['a', 'b'])
    expect(kernel.processes.size).toBe(0)
  })
})

describe('a slow file of a mount', () => {
  test('writes and reads through one descriptor go one after the other, each where the one before ended', async () => {
    const calls: string[] = []
    const file = {
      write: async (offset: number, data: Uint8Array) => {
        calls.push(`write ${offset} ${text(data)}`)
        await later(data.length === 3 ? 10 : 0)
        return data.length
      },
      read: async (offset: number, length: number) => {
        calls.push(`read ${offset}`)
        return new Uint8Array(length)
      },
    } as unknown as HostFile
    const files = { ...mountPort([]), resolve: (_mount: number, path: string) => path, open: () => file }
    const { guest } = boot({ mounts: ['/m'], port: port({ files }) })
    const fd = await guest.open('/m/x', 'r+')
    await Promise.all([guest.write(fd, 'abc'), guest.write(fd, 'de'), guest.read(fd, 4), guest.read(fd, 1)])
    expect(calls).toEqual(['write 0 abc', 'write 3 de', 'read 5', 'read 9'])
  })

  test('a write that fails does not stop the next', async () => {
    let fails = true
    const file = {
      write: async (offset: number, data: Uint8Array) => {
        if (fails) {
          fails = false
          throw new GuestFacingError('EIO', 'x')
        }
        return offset + data.length
      },
    } as unknown as HostFile
    const files = { ...mountPort([]), resolve: (_mount: number, path: string) => path, open: () => file }
    const { guest } = boot({ mounts: ['/m'], port: port({ files }) })
    const fd = await guest.open('/m/x', 'r+')
    const [first, second] = await Promise.allSettled([guest.write(fd, 'abc'), guest.write(fd, 'de')])
    expect([first?.status, second]).toEqual(['rejected', { status: 'fulfilled', value: 2 }])
  })
})

describe('streams', () => {
  test('stdin is bytes or text, given in pieces of the size asked for', async () => {
    const { guest } = boot({ process: { stdin: 'héllo' } })
    expect(await guest.read(0, 3)).toBe('hé')
    expect(await guest.read(0)).toBe('llo')
    expect(await guest.read(0)).toBe('')
    await expect(guest.read(0, 1, 0)).rejects.toMatchObject({ code: 'ESPIPE' })
    await expect(guest.write(0, 'x')).rejects.toMatchObject({ code: 'EBADF' })
    expect(await guest.fstat(0)).toMatchObject({ kind: 'other', size: 0 })
  })

  test('stdin of a stream is read as the guest asks, in order, and let go at the end', async () => {
    let cancelled = false
    const parts = ['one ', bytes('two '), 'three']
    const source = new ReadableStream<Uint8Array | string>(
      {
        pull: (controller) => {
          const part = parts.shift()
          if (part !== undefined) controller.enqueue(part)
        },
        cancel: () => {
          cancelled = true
        },
      },
      { highWaterMark: 0 },
    )
    const { guest, kernel } = boot({ process: { stdin: source } })
    expect(await Promise.all([guest.read(0, 2), guest.read(0, 2), guest.read(0, 100)])).toEqual(['on', 'e ', 'two '])
    expect(await guest.read(0)).toBe('three')
    const waiting = guest.read(0)
    kernel.process.end()
    await expect(waiting).rejects.toMatchObject({ code: 'ECANCELED' })
    await later(0)
    expect(cancelled).toBe(true)
  })

  test('a stream that fails is an i/o error without the host’s words', async () => {
    const source = new ReadableStream<Uint8Array>({
      pull: () => {
        throw new Error('/etc/shadow')
      },
    })
    const { guest } = boot({ process: { stdin: source } })
    await expect(guest.read(0)).rejects.toMatchObject({ message: 'EIO: i/o error, read' })
    expect(await guest.read(0)).toBe('')
  })

  test('output goes to its stream and to the listener', async () => {
    const heard: string[] = []
    const { guest, kernel } = boot({ process: { onOutput: (stream, piece) => heard.push(`${stream}:${text(piece)}`) } })
    await guest.write(1, 'out')
    await guest.write(2, 'err')
    expect([kernel.process.stdout.text(), kernel.process.stderr.text()]).toEqual(['out', 'err'])
    expect(heard).toEqual(['stdout:out', 'stderr:err'])
    const pieces: Uint8Array[] = []
    kernel.process.begin({ onOutput: (_stream, piece) => pieces.push(piece) })
    const argument = concat(u32(1), bytes('kept'))
    await guest.call(Operation.FdWrite, argument)
    argument.fill(0)
    expect(pieces.map(text)).toEqual(['kept'])
    pieces[0]?.fill(0)
    expect(kernel.process.stdout.text()).toBe('kept')
    await expect(guest.read(1)).rejects.toMatchObject({ code: 'EBADF' })
  })

  test('text that is cut inside a character leaves the character out', async () => {
    const { guest, kernel } = boot({ limits: { outputBytes: 4 } })
    await guest.write(1, 'aé€')
    expect(kernel.process.stdout.text()).toBe('aé')
    expect(kernel.process.stdout.truncated).toBe(true)
  })
})
