/** The composition root of one sandbox: alone constructs host drivers, on the thread that the sandbox lives on. */
import { openMount } from '#mounts'
import type { ExecutionEngine } from './engine.ts'
import { type ApprovalVerdict, closeMounts, type Drivers, type Mount } from './gate/drivers.ts'
import { createGate, type Gate } from './gate/gate.ts'
import { loadNetwork } from './gate/guest-services.ts'
import { mapMaybe } from './gate/maybe.ts'
import type { Ledger } from './gate/ledger.ts'
import type { Policy } from './gate/policy.ts'
import { hostEnvironment } from './host/environment.ts'
import { GuestFacingError } from './kernel/host-port.ts'
import { decodeValue, encodeValue } from './kernel/values.ts'
import type { Limits } from './limits.ts'
import type { Image } from './loader/image.ts'
import { withRoom } from './room.ts'
import type { SandboxOptions } from './request.ts'
import { networkOf } from './network-questions.ts'
import { LocalSandbox } from './sandbox/sandbox.ts'
import { loadSnapshots } from './sandbox/load-snapshots.ts'
import { APPROVE } from './sandbox/approvals.ts'
import { SERVICE_PREFIX, type Tools } from './tool.ts'

/** Checked options, and what they mean here. */
export type Composition = {
  options: Pick<
    SandboxOptions,
    'language' | 'files' | 'mounts' | 'env' | 'deterministic' | 'metering' | 'priority' | 'onTrace'
  >
  limits: Readonly<Limits>
  engine: ExecutionEngine
  image: Image
  /** The content of a snapshot to go on from, made from this image; its seal was checked. */
  snapshot?: Uint8Array<ArrayBuffer>
  policy: Policy
  ledger: Ledger
  tools: Tools
}

/**
 * Makes a sandbox on this thread.
 * @throws TokaError as `openSnapshot`; TOKA_MOUNT_MISSING, TOKA_MOUNT_UNSUPPORTED, TOKA_REQUEST_INVALID for a mount's place or a file's path
 */
export async function composeSandbox(composition: Composition): Promise<LocalSandbox> {
  const { options, limits, engine, image: base, snapshot, policy, ledger, tools } = composition
  // A guest that keeps its thread lets nothing be loaded meanwhile.
  if (tools.thread) await loadNetwork()
  const snapshots = snapshot && (await loadSnapshots())
  const { tainted = false, ...start } = snapshots?.openSnapshot(snapshot!, base, limits) ?? { image: base }
  const openDrivers = (toolbox: Tools, of?: Drivers) => openAll(options, toolbox, of)
  const drivers = await openDrivers(tools)
  let gate: Gate
  try {
    const { onTrace } = options
    gate = await withRoom(() => createGate({ policy, drivers, ledger, limits, now: () => Date.now(), trace: onTrace }))
  } catch (error) {
    await closeMounts(drivers.mounts)
    throw error
  }
  if (tainted) gate.taint()
  try {
    return await LocalSandbox.create({
      options,
      limits,
      engine,
      base,
      ...start,
      gate,
      drivers,
      openDrivers,
      toolbox: tools,
    })
  } catch (error) {
    gate.dispose()
    await closeMounts(drivers.mounts)
    throw error
  }
}

/** Tools, and what only the embedding thread can do: ask its program. */
function toolDrivers(tools: Tools): Pick<Drivers, 'callTool' | 'approve' | 'network'> {
  return {
    network: networkOf(tools),
    callTool: (name, input, signal) => {
      if (name.startsWith(SERVICE_PREFIX)) throw new GuestFacingError('TOKA_TOOL_UNKNOWN', `no tool is named ${name}`)
      return tools.call(name, input, signal)
    },
    approve: (question, signal) =>
      mapMaybe(tools.call(APPROVE, encodeValue(question), signal), (answer) => decodeValue(answer) as ApprovalVerdict),
  }
}

/** @param of the drivers of the sandbox that is forked */
async function openAll(options: Composition['options'], tools: Tools, of?: Drivers): Promise<Drivers> {
  const mounts: Mount[] = []
  try {
    for (const [index, { at, from, mode }] of (options.mounts ?? []).entries()) {
      const driver = of?.mounts[index]?.driver.fork?.() ?? (await openMount(from, at, mode))
      mounts.push({ at: at.length > 1 ? at.replace(/\/+$/, '') : at, mode, driver })
    }
  } catch (error) {
    await closeMounts(mounts)
    throw error
  }
  return { mounts, environment: hostEnvironment, ...toolDrivers(tools) }
}
