/** The scheduler in a clock of its own: who has the thread, for how long, and when the event loop goes on. */
import { describe, expect, it } from 'vitest'
import { type Claim, type Priority, Scheduler, Share } from '../../src/sandbox/scheduler.ts'

/** A host whose time passes when told, and whose tasks wait. */
function makeWorld() {
  let now = 1_000
  const tasks: (() => void)[] = []
  const scheduler = new Scheduler({ now: () => now, macrotask: (task) => void tasks.push(task) })
  return {
    scheduler,
    pass: (ms: number) => {
      now += ms
    },
    now: () => now,
    /** One task of the event loop, with all promises that follow from it. */
    async task() {
      tasks.shift()?.()
      for (let i = 0; i < 10; i++) await Promise.resolve()
    },
    tasks,
  }
}

type World = ReturnType<typeof makeWorld>

/** A guest that always wants the thread, in turns as long as it is let. */
function hog(world: World, share: Share, claim = world.scheduler.claim(share)) {
  const state = { had: 0, turns: 0, ended: false }
  const loop = async () => {
    while (!state.ended) {
      await claim.enter()
      if (state.ended) break
      const turn = Math.max(0, claim.turnEnds - world.now())
      world.pass(turn)
      state.had += turn
      state.turns++
      claim.leave()
      await Promise.resolve()
    }
    claim.leave()
  }
  void loop()
  return state
}

describe('the thread', () => {
  it('is given at once while nobody wants it', () => {
    const { scheduler } = makeWorld()
    expect(scheduler.claim(new Share()).enter()).toBeUndefined()
  })

  it('has one holder', async () => {
    const { scheduler } = makeWorld()
    const [one, two] = [scheduler.claim(new Share()), scheduler.claim(new Share())]
    expect(one.enter()).toBeUndefined()
    expect(one.enter()).toBeUndefined()
    let entered = false
    void two.enter()?.then(() => {
      entered = true
    })
    await Promise.resolve()
    expect(entered).toBe(false)
    two.leave()
    await Promise.resolve()
    expect(entered).toBe(false)
    one.leave()
    await Promise.resolve()
    expect(entered).toBe(true)
  })

  it('is not kept by one who waits for something else', async () => {
    const world = makeWorld()
    const [one, two] = [world.scheduler.claim(new Share()), world.scheduler.claim(new Share())]
    one.enter()
    const turn = two.enter()
    await world.task()
    await turn
    expect(two.enter()).toBeUndefined()
  })
})

describe('a burst', () => {
  it('ends after two milliseconds for all together, and the event loop goes on', async () => {
    const world = makeWorld()
    const hogs = Array.from({ length: 50 }, () => hog(world, new Share()))
    for (let i = 0; i < 200; i++) {
      const before = world.now()
      await world.task()
      expect(world.now() - before).toBeLessThanOrEqual(2.25)
    }
    expect(hogs.every(({ turns }) => turns > 0)).toBe(true)
  })

  it('asks for nothing of the event loop when nobody wants the thread', async () => {
    const world = makeWorld()
    const claim = world.scheduler.claim(new Share())
    claim.enter()
    claim.leave()
    await world.task()
    expect(world.tasks.length).toBe(0)
  })

  it('is as long for one who comes at its end: a quarter of a millisecond at least', () => {
    const world = makeWorld()
    const [one, two] = [world.scheduler.claim(new Share()), world.scheduler.claim(new Share())]
    one.enter()
    world.pass(1.9)
    one.leave()
    expect(two.enter()).toBeUndefined()
    expect(two.turnEnds - world.now()).toBeCloseTo(0.25)
  })
})

describe('a share', () => {
  async function shares(priorities: readonly Priority[]): Promise<number[]> {
    const world = makeWorld()
    const hogs = priorities.map((priority) => hog(world, new Share(priority)))
    for (let i = 0; i < 900; i++) await world.task()
    for (const state of hogs) state.ended = true
    return hogs.map(({ had }) => had)
  }

  it('is the same for all', async () => {
    const had = await shares(['normal', 'normal', 'normal', 'normal', 'normal'])
    expect(Math.max(...had) / Math.min(...had)).toBeLessThan(1.05)
  })

  it('is four times as large for a high priority, and a quarter for a low one', async () => {
    const [low, normal, high] = (await shares(['low', 'normal', 'high'])) as [number, number, number]
    expect(high / normal).toBeCloseTo(4, 0)
    expect(normal / low).toBeCloseTo(4, 0)
  })

  it('is of a sandbox, not of its runs: leaving and coming back wins nothing', async () => {
    const world = makeWorld()
    const [honest, greedy] = [new Share(), new Share()]
    const one = hog(world, honest)
    let claim: Claim = world.scheduler.claim(greedy)
    let had = 0
    const again = async () => {
      for (;;) {
        await claim.enter()
        const turn = Math.max(0, claim.turnEnds - world.now())
        world.pass(turn)
        had += turn
        claim.leave()
        claim = world.scheduler.claim(greedy)
        await Promise.resolve()
      }
    }
    void again()
    for (let i = 0; i < 400; i++) await world.task()
    expect(had / one.had).toBeCloseTo(1, 1)
  })

  it('that slept for long gets the next turn, and no more than that for its sleep', async () => {
    const world = makeWorld()
    const hogs = Array.from({ length: 10 }, () => hog(world, new Share()))
    for (let i = 0; i < 500; i++) await world.task()
    const before = hogs.map(({ had }) => had)
    const sleeper = hog(world, new Share())
    await world.task()
    expect(sleeper.turns).toBe(1)
    for (let i = 0; i < 110; i++) await world.task()
    const others = hogs.map(({ had }, at) => had - (before[at] as number))
    expect(sleeper.had).toBeLessThan(1.5 * (others.reduce((sum, had) => sum + had, 0) / others.length))
  })
})

describe('who must end', () => {
  it('goes first, at its deadline or when told', async () => {
    const world = makeWorld()
    const hogs = Array.from({ length: 30 }, () => hog(world, new Share()))
    const [late, told] = [new Share('low'), new Share('low')]
    late.virtual = told.virtual = 1e9
    const order: string[] = []
    const first = world.scheduler.claim(late, world.now() + 10)
    const second = world.scheduler.claim(told)
    void first.enter()?.then(() => order.push('deadline') && first.leave())
    void second.enter()?.then(() => order.push('told') && second.leave())
    for (let i = 0; i < 3; i++) await world.task()
    expect(order).toEqual([])
    second.hurry()
    await world.task()
    expect(order).toEqual(['told'])
    for (let i = 0; i < 5; i++) await world.task()
    expect(order).toEqual(['told', 'deadline'])
    expect(hogs.length).toBe(30)
  })
})
