/** Imports of the interpreter's libc and of CPython itself, one reviewed row each: what stands behind it here. */
import { constant, denied, host, type ImportRow, refused, waits } from './import-row.ts'

/** Of `pyodide.asm.wasm` 314.0.7, module `env`. Numbers below zero are errnos of Emscripten. */
export const libcImports: Readonly<Record<string, ImportRow>> = {
  // Files, descriptors, time, memory: src/kernel/emscripten.ts and imports.ts.
  exit: host('(i32) -> ()'),
  __syscall_fcntl64: host('(i32, i32, i32) -> i32'),
  __syscall_openat: waits('(i32, i32, i32, i32) -> i32'),
  _tzset_js: host('(i32, i32, i32, i32) -> ()'),
  _abort_js: host('() -> ()'),
  __syscall_faccessat: waits('(i32, i32, i32, i32) -> i32'),
  __syscall_chdir: waits('(i32) -> i32'),
  __syscall_chmod: waits('(i32, i32) -> i32'),
  __syscall_dup: host('(i32) -> i32'),
  __syscall_dup3: host('(i32, i32, i32) -> i32'),
  emscripten_date_now: host('() -> f64'),
  __syscall_fchdir: waits('(i32) -> i32'),
  __syscall_fchmod: waits('(i32, i32) -> i32'),
  __syscall_fchmodat2: waits('(i32, i32, i32, i32) -> i32'),
  __syscall_fdatasync: waits('(i32) -> i32'),
  __syscall_fstat64: waits('(i32, i32) -> i32'),
  __syscall_stat64: waits('(i32, i32) -> i32'),
  __syscall_newfstatat: waits('(i32, i32, i32, i32) -> i32'),
  __syscall_lstat64: waits('(i32, i32) -> i32'),
  __syscall_ftruncate64: waits('(i32, i64) -> i32'),
  __syscall_getcwd: host('(i32, i32) -> i32'),
  __syscall_getdents64: waits('(i32, i32, i32) -> i32'),
  emscripten_get_now: host('() -> f64'),
  __syscall_mkdirat: waits('(i32, i32, i32) -> i32'),
  _timegm_js: host('(i32) -> i64'),
  _mktime_js: host('(i32) -> i64'),
  _localtime_js: host('(i64, i32) -> ()'),
  _gmtime_js: host('(i64, i32) -> ()'),
  __syscall_pipe: host('(i32) -> i32'),
  __syscall_poll: waits('(i32, i32, i32) -> i32'),
  _emscripten_get_progname: host('(i32, i32) -> ()'),
  __syscall_readlinkat: waits('(i32, i32, i32, i32) -> i32'),
  __syscall_unlinkat: waits('(i32, i32, i32) -> i32'),
  __syscall_rmdir: waits('(i32) -> i32'),
  __syscall_renameat: waits('(i32, i32, i32, i32) -> i32'),
  __syscall_statfs64: host('(i32, i32, i32) -> i32'),
  __syscall_fstatfs64: host('(i32, i32, i32) -> i32'),
  __syscall_symlinkat: waits('(i32, i32, i32) -> i32'),
  emscripten_get_heap_max: host('() -> i32'),
  __syscall_truncate64: waits('(i32, i64) -> i32'),
  __syscall_utimensat: waits('(i32, i32, i32, i32) -> i32'),
  emscripten_resize_heap: host('(i32) -> i32'),

  // Harmless constants.
  // No promise of JavaScript is ever waited for.
  can_run_sync_js: constant('() -> i32', 0),
  _maybe_connect_async: constant('(i32, i32, i32) -> externref', 0),
  _maybe_recvfrom_async: constant('(i32, i32, i32) -> externref', 0),
  _maybe_sendto_async: constant('(i32, i32, i32) -> externref', 0),
  // Sockets of JavaScript: there are none, the libc goes on with its own.
  _try_fcntl64: constant('(i32, i32, i32, i32) -> i32', 0),
  _maybe_poll_async: constant('(i32, i32, i32) -> externref', 0),
  _try_shutdown: constant('(i32, i32, i32) -> i32', 0),
  // Counts of a runtime that nobody keeps alive.
  emscripten_runtime_keepalive_push: constant('() -> ()', 0),
  emscripten_runtime_keepalive_pop: constant('() -> ()', 0),
  // The name of the JavaScript engine, for `sys._emscripten_info`: none.
  _Py_emscripten_runtime: constant('() -> i32', 0),
  // No signal comes from outside: fuel stops loops.
  _Py_CheckEmscriptenSignals_Helper: constant('() -> i32', 0),
  // The user of a sandbox.
  __syscall_getuid32_js: constant('() -> i32', 1000),
  // Files have no modes.
  __syscall_umask_js: constant('(i32) -> i32', 18),
  // ENOTTY: nothing is a terminal.
  __syscall_ioctl: constant('(i32, i32, i32) -> i32', -59),
  emscripten_set_up_async_input_device_js: constant('() -> i32', 0),
  emscripten_debugger: constant('() -> ()', 0),
  emscripten_log_impl_js: constant('(i32) -> ()', 0),
  // A map of JavaScript objects, of which there are none.
  __hiwire_deduplicate_new: constant('() -> externref', 0),
  // EPERM: files have one owner.
  __syscall_fchownat: constant('(i32, i32, i32, i32, i32) -> i32', -63),
  // Messages to a developer's console.
  _emscripten_log_formatted: constant('(i32, i32) -> ()', 0),
  _munmap_js: constant('(i32, i32, i32, i32, i32, i64) -> i32', 0),
  // No file is ever mapped.
  _msync_js: constant('(i32, i32, i32, i32, i32, i64) -> i32', 0),
  // ENOSYS: files are not mapped; memory without a file is libc's own work.
  _mmap_js: constant('(i32, i32, i32, i32, i64, i32, i32) -> i32', -52),
  __syscall_fchown32: constant('(i32, i32, i32) -> i32', -63),
  // No name has an address.
  _emscripten_lookup_name: constant('(i32) -> i32', 0),
  __syscall_mknodat: constant('(i32, i32, i32, i32) -> i32', -63),
  // Advice.
  __syscall_fadvise64: constant('(i32, i64, i64, i32) -> i32', 0),
  // EOPNOTSUPP.
  __syscall_fallocate: constant('(i32, i32, i64, i64) -> i32', -138),
  _emscripten_runtime_keepalive_clear: constant('() -> ()', 0),
  // No timer sends a signal.
  _setitimer_js: constant('(i32, f64) -> i32', -1),

  // Refused, and told: sockets, names, programs, libraries, closures; a handler of signals would be called by JavaScript.
  getprotobyname: refused('(i32) -> i32', 0),
  getaddrinfo: refused('(i32, i32, i32, i32) -> i32', -4),
  getnameinfo: refused('(i32, i32, i32, i32, i32, i32, i32) -> i32', -4),
  ffi_closure_alloc_js: denied('(i32, i32) -> i32'),
  _dlopen_js: refused('(i32) -> i32', 0),
  _dlsym_js: refused('(i32, i32, i32) -> i32', 0),
  __call_sighandler: refused('(i32, i32) -> ()', 0),
  _emscripten_system: refused('(i32) -> i32', -52),
  __syscall_accept4: refused('(i32, i32, i32, i32, i32, i32) -> i32', -52),
  __syscall_bind: refused('(i32, i32, i32, i32, i32, i32) -> i32', -52),
  __syscall_connect: refused('(i32, i32, i32, i32, i32, i32) -> i32', -52),
  __syscall_getpeername: refused('(i32, i32, i32, i32, i32, i32) -> i32', -52),
  __syscall_getsockname: refused('(i32, i32, i32, i32, i32, i32) -> i32', -52),
  __syscall_getsockopt: refused('(i32, i32, i32, i32, i32, i32) -> i32', -52),
  __syscall_listen: refused('(i32, i32, i32, i32, i32, i32) -> i32', -52),
  __syscall_recvfrom: refused('(i32, i32, i32, i32, i32, i32) -> i32', -52),
  __syscall_recvmsg: refused('(i32, i32, i32, i32, i32, i32) -> i32', -52),
  __syscall_sendmsg: refused('(i32, i32, i32, i32, i32, i32) -> i32', -52),
  __syscall_sendto: refused('(i32, i32, i32, i32, i32, i32) -> i32', -52),
  __syscall_socket: refused('(i32, i32, i32, i32, i32, i32) -> i32', -52),

  // Denied: the guest dies of them. Assertions and inline JavaScript, promises, calls by way of JavaScript.
  __assert_fail: denied('(i32, i32, i32, i32) -> ()'),
  emscripten_asm_const_int: denied('(i32, i32, i32) -> i32'),
  throw_no_gil: denied('() -> ()'),
  _PyEM_TrampolineCall_JS: denied('(i32, i32, i32, i32) -> i32'),
  ffi_call_js: denied('(i32, i32, i32, i32) -> ()'),
  ffi_closure_free_js: denied('(i32) -> ()'),
  ffi_prep_closure_loc_js: denied('(i32, i32, i32, i32, i32) -> i32'),
  _emscripten_dlopen_js: denied('(i32, i32, i32, i32) -> ()'),
  emscripten_promise_create: denied('() -> i32'),
  emscripten_promise_resolve: denied('(i32, i32, i32) -> ()'),
  emscripten_promise_destroy: denied('(i32) -> ()'),
}

/** Module `wasi_snapshot_preview1`. */
export const wasiImports: Readonly<Record<string, ImportRow>> = {
  proc_exit: host('(i32) -> ()'),
  environ_sizes_get: host('(i32, i32) -> i32'),
  environ_get: host('(i32, i32) -> i32'),
  fd_close: waits('(i32) -> i32'),
  fd_read: waits('(i32, i32, i32, i32) -> i32'),
  fd_write: waits('(i32, i32, i32, i32) -> i32'),
  clock_res_get: host('(i32, i32) -> i32'),
  clock_time_get: host('(i32, i64, i32) -> i32'),
  fd_sync: waits('(i32) -> i32'),
  random_get: host('(i32, i32) -> i32'),
  fd_fdstat_get: host('(i32, i32) -> i32'),
  fd_seek: waits('(i32, i64, i32, i32) -> i32'),
  fd_pread: waits('(i32, i32, i32, i64, i32) -> i32'),
  fd_pwrite: waits('(i32, i32, i32, i64, i32) -> i32'),
}
