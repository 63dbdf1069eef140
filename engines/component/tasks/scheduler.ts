/** Which thread of a component runs, which wait, and what the host has been asked for meanwhile. */
import type { MaybePromise } from '../../../src/kernel/host-port.ts'
import { chain } from '../../../src/kernel/steps.ts'
import { CanonTrap } from '../canon-trap.ts'
import { type InstanceState, mayEnter } from '../instance-state.ts'
import type { Block, Thread } from './thread.ts'

/** Tasks that live at once, over all instances of a component. */
const MOST_TASKS = 1_024
/** Things that the host does at once for tasks that go on meanwhile. */
const MOST_ASKED = 1_024
/** Streams that the host reads on as soon as the guest has had its turn. */
const MOST_READ_ON = 1_024
/** Threads that wait with the guest's code on their stack: each has a stack of the engine's. */
const MOST_PARKED = 256

/** Calls of functions that lie within each other: each has some twenty frames of ours on the native stack. */
const MOST_NESTED = 100

/** What a scheduler needs of who drives the guest. */
export type SchedulerHost = {
  /** Throws: a thread would have to wait, and the guest cannot be suspended. */
  blocked(): never
  /** Whether the guest's turn goes on. What the host does for it burns no fuel. */
  mayGoOn(): boolean
}

export class Scheduler {
  readonly #canSuspend: boolean
  readonly #host: SchedulerHost
  readonly #waiting = new Set<Thread>()
  /** What the host answered, to be taken in when no thread is in the middle of something. */
  #answers: (() => void)[] = []
  #onAnswer: (() => void) | undefined
  #underWay = 0
  #work = 0
  #call = 0
  #tasks = 0
  #nested = 0
  /** Threads with the guest's code on their stack. */
  readonly #parked = new Set<Thread>()
  #current: Thread | undefined

  constructor(canSuspend: boolean, host: SchedulerHost) {
    this.#canSuspend = canSuspend
    this.#host = host
  }

  /** The thread that runs. @throws CanonTrap while the component is being made */
  get current(): Thread {
    if (!this.#current) throw new CanonTrap('it uses what only a task has before there is one')
    return this.#current
  }

  /** Threads that wait for something. */
  get waiting(): ReadonlySet<Thread> {
    return this.#waiting
  }

  /** The host was asked for something, and has not answered. */
  get isHostAsked(): boolean {
    return this.#underWay > 0 || this.#answers.length > 0
  }

  /** Of the call under way: answers to an earlier one never come. */
  get call(): number {
    return this.#call
  }

  /** The host does something that must be done before the call ends. */
  get hasWork(): boolean {
    return this.#work > 0
  }

  /** @throws CanonTrap when there are too many */
  addTask(): void {
    if (this.#tasks >= MOST_TASKS) throw new CanonTrap(`it has more than ${MOST_TASKS} tasks at once`)
    this.#tasks++
  }

  removeTask(): void {
    this.#tasks--
  }

  /** Lets a thread run until it waits or ends; who ran before goes on then. @throws what the thread ended with */
  resume(thread: Thread, cancelled = false): MaybePromise<void> {
    if (this.#nested >= MOST_NESTED) throw new CanonTrap(`more than ${MOST_NESTED} calls of it lie within each other`)
    const before = this.#current
    this.#nested++
    this.#waiting.delete(thread)
    this.#current = thread
    const turn = thread.resume(cancelled)
    return chain(turn, () => {
      this.#nested--
      this.#current = before
      if (thread.block) this.#waiting.add(thread)
    })
  }

  /** Something is done as if by a thread of its own, which never waits. */
  aside<T>(thread: Thread, act: () => MaybePromise<T>): MaybePromise<T> {
    const before = this.#current
    this.#current = thread
    return chain(act(), (value) => {
      this.#current = before
      return value
    })
  }

  /**
   * The running thread, deep in the guest's code, waits. What is there already is not waited for.
   * @returns whether it was cancelled
   */
  waitUntil(until: () => boolean, cancellable: boolean): MaybePromise<boolean> {
    if (this.current.task.takeCancel(cancellable)) return true
    this.takeAnswers()
    return until() ? false : this.#park({ until, cancellable })
  }

  /** The running thread lets the others go first, where it can. @returns whether it was cancelled */
  yield(cancellable: boolean): MaybePromise<boolean> {
    if (this.current.task.takeCancel(cancellable)) return true
    this.takeAnswers()
    return this.#canSuspend ? this.#park({ until: () => true, cancellable }) : false
  }

  /** Takes in what the host answered, which is written into the guest's memory: the first, and more while the turn lasts. */
  takeAnswers(): void {
    do this.#answers.shift()?.()
    while (this.#answers.length > 0 && this.#host.mayGoOn())
  }

  /**
   * The host was asked for something, and answers later.
   * @param accept is told the answer when it can be taken in; never, when the call ends before
   * @param isWork the call does not end before it is there
   */
  track<T>(answer: Promise<T>, accept: (value: T) => void, isWork = false): void {
    if (this.#underWay >= MOST_ASKED) {
      // Nobody is left to hear how it ends: it fails with the run, and a failure that nobody hears of ends the program.
      answer.catch(() => {})
      throw new CanonTrap(`the host does more than ${MOST_ASKED} things for it at once`)
    }
    const call = this.#call
    this.#underWay++
    if (isWork) this.#work++
    const settled = (act: () => void): void => {
      if (call !== this.#call) return
      this.#underWay--
      if (isWork) this.#work--
      this.#answered(act)
    }
    answer.then(
      (value) => settled(() => accept(value)),
      (error: unknown) =>
        settled(() => {
          throw error
        }),
    )
  }

  /**
   * Something is done as soon as no thread is in the middle of something, and before the call ends.
   * @throws CanonTrap when so much waits for that already
   */
  later(act: () => void): void {
    if (this.#answers.length >= MOST_READ_ON)
      throw new CanonTrap(`the host reads more than ${MOST_READ_ON} of its streams before it has waited or ended`)
    this.#work++
    this.#answered(() => {
      this.#work--
      act()
    })
  }

  #answered(act: () => void): void {
    this.#answers.push(act)
    this.#onAnswer?.()
  }

  /** Resolves when the host answers one of the things that it was asked for. */
  nextAnswer(): Promise<void> {
    if (this.#answers.length > 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#onAnswer = resolve
    })
  }

  /** A thread that can go on: of one instance, or of any that nothing of runs. The one that waits longest is the first. */
  nextReady(of?: InstanceState): Thread | undefined {
    for (const thread of this.#waiting) {
      const { instance } = thread.task
      const mayRun = of ? instance === of && instance.exclusive !== thread : mayEnter(instance, undefined)
      if (mayRun && thread.isReady) return thread
    }
    return undefined
  }

  /** A call is over: what the host was asked for belongs to nobody. */
  endCall(): void {
    this.#call++
    this.#underWay = 0
    this.#work = 0
    this.#answers = []
  }

  /** The guest is dead: its threads are let go on, into the trap that waits at the border. */
  end(): void {
    for (const thread of this.#waiting)
      if (this.#parked.has(thread)) void Promise.resolve(thread.resume(true)).catch(() => {})
    this.#waiting.clear()
  }

  /** @throws at once where it cannot: an import that answers a promise where nothing suspends would go on with nonsense */
  #park(block: Block): Promise<boolean> {
    if (!this.current.mayWait) throw new CanonTrap('a start function waits, and nothing could end that')
    if (!this.#canSuspend) this.#host.blocked()
    if (this.#parked.size >= MOST_PARKED) throw new CanonTrap(`more than ${MOST_PARKED} of its tasks wait at once`)
    const { current } = this
    this.#parked.add(current)
    return current.park(block).finally(() => this.#parked.delete(current))
  }
}
