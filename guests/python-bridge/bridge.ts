// Inside a CPython instance: turns host calls into the functions of the module `_toka`, and enters the prelude's run. AssemblyScript over raw memory.
// It holds no power: it sees only the guest's own memory, and each host import below passes the border and the CVM.
// No static data and no allocator of its own: it lives in the guest's memory, in one block named `base`.

import {
  malloc, Py_IncRef, Py_DecRef, Py_GetConstantBorrowed, PyBytes_FromStringAndSize, PyBytes_AsString, PyBytes_Size,
  PyLong_FromLong, PyLong_AsLong, PyFloat_FromDouble, PyFloat_AsDouble, PyBool_FromLong, PyTuple_New, PyTuple_SetItem,
  PyErr_Occurred, PyErr_SetObject, PyErr_BadArgument, PyErr_Clear, PyErr_GetRaisedException, PyErr_GivenExceptionMatches,
  PyObject_CallNoArgs, PyObject_CallOneArg, PyObject_Repr, PyUnicode_AsUTF8AndSize, PyCFunction_NewEx, PyImport_AddModule,
  PyModule_AddObject, PyRun_SimpleString,
} from "./python"
import { hostCall, hostBegin, hostWait, hostTake, hostNext, hostIdle, hostNow, hostSeed } from "./host"
import {
  FAILED, LARGE, PENDING, NONE, CONSTANT_NONE, METH_FASTCALL, OPERATION_FAULT, OPERATION_MEMORY_FULL, OPERATION_STACK_FULL, DONE,
  FAULT, FAILURE, RUN, RESEED, MEMORY_ERROR, RECURSION_ERROR, INSTALLED, SCRATCH, SEED, SEED_BYTES, DEFINITIONS, DEFINITION, NAMES, NAME, IO, IO_CAPACITY, BLOCK, NATIVES,
} from "./layout"

let base: usize = 0

// @ts-ignore: decorator
@inline function none(): u32 {
  const value = Py_GetConstantBorrowed(CONSTANT_NONE)
  Py_IncRef(value)
  return value
}

// @ts-ignore: decorator
@inline function argument(argv: u32, index: u32): u32 {
  return load<u32>(<usize>argv + (<usize>index << 2))
}

/** Raises TypeError. */
function refuse(): u32 {
  PyErr_BadArgument()
  return 0
}

/** The bytes of a reply: out of the buffer, or fetched whole when they are larger. 0 with an exception set when there is no memory. */
function bytesOf(reply: i64): u32 {
  const status = <u32>(reply >>> 32)
  const length = <u32>reply
  if (!(status & LARGE)) return PyBytes_FromStringAndSize(<u32>(base + IO), length)
  const bytes = PyBytes_FromStringAndSize(0, length)
  if (bytes) hostTake(status >>> 8, PyBytes_AsString(bytes), length)
  return bytes
}

/** Bytes of a finished call; of one that failed, `Failure` of them is raised. */
function receive(first: i64): u32 {
  let reply = first
  if (<u32>(reply >>> 32) & PENDING) reply = hostWait(<u32>(reply >>> 40), <u32>(base + IO), IO_CAPACITY)
  const bytes = bytesOf(reply)
  if (!bytes || !(<u32>(reply >>> 32) & FAILED)) return bytes
  PyErr_SetObject(load<u32>(base + FAILURE), bytes)
  Py_DecRef(bytes)
  return 0
}

/** Calls the host with (operation, bytes). `start` begins a call and answers its id. */
function send(argv: u32, argc: u32, start: bool): u32 {
  if (argc != 2) return refuse()
  const operation = PyLong_AsLong(argument(argv, 0))
  if (operation == -1 && PyErr_Occurred()) return 0
  const value = argument(argv, 1)
  const pointer = PyBytes_AsString(value)
  if (!pointer) return 0
  const length = PyBytes_Size(value)
  const io = <u32>(base + IO)
  if (!start) return receive(hostCall(operation, pointer, length, io, IO_CAPACITY))
  const reply = hostBegin(operation, pointer, length, io, IO_CAPACITY)
  return <u32>(reply >>> 32) & FAILED ? receive(reply) : PyLong_FromLong(<i32>reply)
}

// ---- functions of `_toka`: (self, arguments, count) -> object, or 0 with an exception set ----

export function call(self: u32, argv: u32, argc: u32): u32 {
  return send(argv, argc, false)
}

export function begin(self: u32, argv: u32, argc: u32): u32 {
  return send(argv, argc, true)
}

/** () -> None, or (id, failed, bytes) of a call that has finished. */
export function next(self: u32, argv: u32, argc: u32): u32 {
  const reply = hostNext(<u32>(base + SCRATCH), <u32>(base + IO), IO_CAPACITY)
  const status = <u32>(reply >>> 32)
  if (status & NONE) return none()
  const id = load<i32>(base + SCRATCH)
  const bytes = bytesOf(reply)
  if (!bytes) return 0
  const tuple = PyTuple_New(3)
  if (!tuple) {
    Py_DecRef(bytes)
    return 0
  }
  PyTuple_SetItem(tuple, 0, PyLong_FromLong(id))
  PyTuple_SetItem(tuple, 1, PyBool_FromLong(<i32>(status & FAILED)))
  PyTuple_SetItem(tuple, 2, bytes)
  return tuple
}

/** (milliseconds) -> None: waits for a call to finish, at most so long. */
export function wait(self: u32, argv: u32, argc: u32): u32 {
  if (argc != 1) return refuse()
  const milliseconds = PyFloat_AsDouble(argument(argv, 0))
  if (milliseconds == -1.0 && PyErr_Occurred()) return 0
  hostIdle(milliseconds)
  return none()
}

/** (clock) -> milliseconds. */
export function now(self: u32, argv: u32, argc: u32): u32 {
  if (argc != 1) return refuse()
  const clock = PyLong_AsLong(argument(argv, 0))
  if (clock == -1 && PyErr_Occurred()) return 0
  return PyFloat_FromDouble(hostNow(clock))
}

/** (failure class, run, reseed, MemoryError, RecursionError): keeps what the prelude has. */
export function install(self: u32, argv: u32, argc: u32): u32 {
  if (argc != INSTALLED) return refuse()
  for (let index: u32 = 0; index < INSTALLED; index++) {
    const value = argument(argv, index)
    Py_IncRef(value)
    store<u32>(base + FAILURE + (<usize>index << 2), value)
  }
  return none()
}

// ---- entered by the host, never from inside an import ----

/** At image build: makes the block; the host writes names into it. @returns its place, or 0 */
export function makeBlock(): u32 {
  base = malloc(BLOCK)
  if (base) memory.fill(base, 0, BLOCK)
  return <u32>base
}

/**
 * Then: makes the module and its functions, whose names stand in the block.
 * @param table slot of the first function
 * @returns 0, or 1 when there was no memory
 */
export function makeModule(table: u32): i32 {
  const module = PyImport_AddModule(<u32>(base + NAMES))
  if (!module) return 1
  for (let index: u32 = 0; index < NATIVES; index++) {
    const name = <u32>(base + NAMES + NAME * <usize>(index + 1))
    const definition = base + DEFINITIONS + DEFINITION * <usize>index
    store<u32>(definition, name)
    store<u32>(definition, table + index, 4)
    store<u32>(definition, METH_FASTCALL, 8)
    store<u32>(definition, 0, 12)
    const native = PyCFunction_NewEx(<u32>definition, 0, 0)
    if (!native || PyModule_AddObject(module, name, native)) return 1
  }
  return 0
}

/** At image build: runs a source of the prelude. @returns 0, or what PyRun_SimpleString answers */
export function boot(source: u32): i32 {
  return PyRun_SimpleString(source)
}

/** After every fork: the block is where the image has it. */
export function attach(block: u32): void {
  base = block
}

/** What an exception says about a limit, without allocating anything: an operation, or 0. */
function fullOf(error: u32): i32 {
  if (!error) return 0
  if (PyErr_GivenExceptionMatches(error, load<u32>(base + MEMORY_ERROR))) return OPERATION_MEMORY_FULL
  return PyErr_GivenExceptionMatches(error, load<u32>(base + RECURSION_ERROR)) ? OPERATION_STACK_FULL : 0
}

/** The exception that nobody caught, told to the host: by its kind where there may be no room for a text, else as text. */
function fault(): i32 {
  const error = PyErr_GetRaisedException()
  let full = fullOf(error)
  const text = error && !full ? PyObject_Repr(error) : 0
  const pointer = text ? PyUnicode_AsUTF8AndSize(text, <u32>(base + SCRATCH)) : 0
  if (!pointer && !full) full = fullOf(PyErr_Occurred())
  PyErr_Clear()
  const length = pointer ? load<u32>(base + SCRATCH) : 0
  hostCall(full ? full : OPERATION_FAULT, pointer, length, <u32>(base + IO), IO_CAPACITY)
  if (text) Py_DecRef(text)
  if (error) Py_DecRef(error)
  return FAULT
}

/**
 * Runs the command that the host holds ready, to its end.
 * @param fresh whether the guest was forked or wiped since the last run: it gets a seed of its own first
 */
export function enter(fresh: i32): i32 {
  if (fresh) {
    hostSeed(<u32>(base + SEED))
    const seed = PyBytes_FromStringAndSize(<u32>(base + SEED), SEED_BYTES)
    memory.fill(base + SEED, 0, SEED_BYTES)
    const done = seed ? PyObject_CallOneArg(load<u32>(base + RESEED), seed) : 0
    if (seed) Py_DecRef(seed)
    if (!done) return fault()
    Py_DecRef(done)
  }
  const result = PyObject_CallNoArgs(load<u32>(base + RUN))
  if (!result) return fault()
  Py_DecRef(result)
  return DONE
}
