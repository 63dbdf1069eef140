(component
  ;; A component around another: each calls the other while a call of it is under way.
  (core module $Inner (func (export "f") (result i32) (i32.const 5)))
  (core instance $inner (instantiate $Inner))
  (func $f (result u32) (canon lift (core func $inner "f")))
  (component $Child
    (import "f" (func $f (result u32)))
    (core func $f' (canon lower (func $f)))
    (core module $Core
      (import "" "f" (func $f (result i32)))
      (func (export "h") (result i32) (i32.add (call $f) (i32.const 1))))
    (core instance $core (instantiate $Core (with "" (instance (export "f" (func $f'))))))
    (func (export "h") (result u32) (canon lift (core func $core "h"))))
  (instance $child (instantiate $Child (with "f" (func $f))))
  (core func $h (canon lower (func $child "h")))
  (core module $Outer
    (import "" "h" (func $h (result i32)))
    (func (export "g") (result i32) (i32.add (call $h) (i32.const 10))))
  (core instance $outer (instantiate $Outer (with "" (instance (export "h" (func $h))))))
  (func (export "g") (result u32) (canon lift (core func $outer "g")))
  (func (export "h") (alias export $child "h"))
)
