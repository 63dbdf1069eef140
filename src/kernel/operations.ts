/** The host calls of language engines: one number each, with the shapes of argument and result. */

/**
 * Argument and result shapes. `value` is an encoded value (values.ts), `bytes` are raw, `text` is UTF-8,
 * `u32`/`f64` are little-endian and come first. A failed call answers an encoded `{ code, message }`.
 */
export const Operation = {
  /** u32 fd + bytes -> u32 written (may be short: 256 KiB a call). */
  FdWrite: 1,
  /** u32 fd, u32 length, f64 offset (-1: the descriptor's own position) -> bytes (may be short; empty at the end). */
  FdRead: 2,
  /** u32 fd -> empty. */
  FdClose: 3,
  /** u32 fd -> value: FileStat. */
  FdStat: 4,
  /** u32 fd, f64 size -> empty. */
  FdTruncate: 5,
  /** u32 fd -> empty. */
  FdSync: 6,
  /** u32 intent bits (OpenBit) + text path -> u32 fd. */
  PathOpen: 10,
  /** u32 1 to follow a last link + text path -> value: FileStat. */
  PathStat: 11,
  /** f64 cursor (0 first) + text path -> value: [ [name, kind][], next cursor or -1 ]. */
  PathList: 12,
  /** text path -> empty. */
  PathMakeDirectory: 13,
  PathRemoveFile: 14,
  PathRemoveDirectory: 15,
  /** value: [from, to] -> empty. */
  PathRename: 16,
  /** value: [target, path] -> empty. Private tree only: links made by a guest on a mount are refused. */
  PathSymlink: 17,
  /** text path -> text target. */
  PathReadLink: 18,
  /** value: [existing, path] -> empty. Private tree only. */
  PathLink: 19,
  /** text path -> text canonical path. */
  PathReal: 20,
  /** value: [path, accessedMs, modifiedMs] -> empty. */
  PathSetTimes: 21,
  /** empty -> text. */
  DirectoryCurrent: 22,
  /** text path -> empty. */
  DirectoryChange: 23,
  /** u32 clock (0 wall, 1 monotonic) -> f64 milliseconds. */
  ClockNow: 30,
  /** f64 milliseconds -> empty, later. Asynchronous: ends when the time is over. */
  ClockSleep: 31,
  /** u32 length -> bytes. */
  RandomFill: 32,
  /** empty -> value: { args: string[], env: Record<string, string>, pid: number }. */
  ProcessInfo: 40,
  /** text name -> value: string | undefined. The host's environment, gated. */
  EnvironmentRead: 41,
  /** empty -> value: ToolDescription[]. */
  ToolList: 50,
  /** u32 length of name + text name + encoded value -> encoded value. Asynchronous where the tool is. */
  ToolCall: 51,
  /** u32 level (0 log, 1 info, 2 debug, 3 warn, 4 error, 5 trace) + bytes -> u32 written to stdout (0 to 2) or stderr. */
  ConsoleWrite: 60,
  /** value: [fraction from 0 to 1 | undefined, text | undefined] -> empty. */
  Progress: 61,
  /** value: { [MIME type]: string | bytes } -> empty. */
  Display: 62,
  /** Engine's own operations (request, result, modules) start here: the engine answers, the kernel refuses. */
  EngineFirst: 100,
} as const

/** Bits of PathOpen's intent. */
export const OpenBit = { read: 1, write: 2, create: 4, exclusive: 8, truncate: 16, append: 32 } as const
