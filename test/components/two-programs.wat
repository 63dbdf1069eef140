(component
  ;; A program of WASI 0.3, and of 0.2 a stub that traps, as toolchains make of a main function.
  (core module $Main
    (func (export "stub") (result i32) unreachable)
    (func (export "run") (result i32) (i32.const 0)))
  (core instance $main (instantiate $Main))
  (func $stub (result (result)) (canon lift (core func $main "stub")))
  (func $run async (result (result)) (canon lift (core func $main "run")))
  (instance $old (export "run" (func $stub)))
  (instance $new (export "run" (func $run)))
  (export "wasi:cli/run@0.2.6" (instance $old))
  (export "wasi:cli/run@0.3.0" (instance $new))
)
