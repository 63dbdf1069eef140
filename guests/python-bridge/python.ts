// The interpreter's C API as the bridge uses it: CPython 3.14 (docs.python.org/3.14/c-api), a PyObject* is 32 bits.

@external("p", "malloc") export declare function malloc(size: u32): u32
@external("p", "Py_IncRef") export declare function Py_IncRef(object: u32): void
@external("p", "Py_DecRef") export declare function Py_DecRef(object: u32): void
@external("p", "Py_GetConstantBorrowed") export declare function Py_GetConstantBorrowed(which: u32): u32
@external("p", "PyBytes_FromStringAndSize") export declare function PyBytes_FromStringAndSize(text: u32, length: u32): u32
@external("p", "PyBytes_AsString") export declare function PyBytes_AsString(object: u32): u32
@external("p", "PyBytes_Size") export declare function PyBytes_Size(object: u32): u32
@external("p", "PyLong_FromLong") export declare function PyLong_FromLong(value: i32): u32
@external("p", "PyLong_AsLong") export declare function PyLong_AsLong(object: u32): i32
@external("p", "PyFloat_FromDouble") export declare function PyFloat_FromDouble(value: f64): u32
@external("p", "PyFloat_AsDouble") export declare function PyFloat_AsDouble(object: u32): f64
@external("p", "PyBool_FromLong") export declare function PyBool_FromLong(value: i32): u32
@external("p", "PyTuple_New") export declare function PyTuple_New(size: u32): u32
@external("p", "PyTuple_SetItem") export declare function PyTuple_SetItem(tuple: u32, index: u32, value: u32): i32
@external("p", "PyErr_Occurred") export declare function PyErr_Occurred(): u32
@external("p", "PyErr_SetObject") export declare function PyErr_SetObject(type: u32, value: u32): void
@external("p", "PyErr_BadArgument") export declare function PyErr_BadArgument(): i32
@external("p", "PyErr_Clear") export declare function PyErr_Clear(): void
@external("p", "PyErr_GetRaisedException") export declare function PyErr_GetRaisedException(): u32
@external("p", "PyErr_GivenExceptionMatches") export declare function PyErr_GivenExceptionMatches(error: u32, kind: u32): i32
@external("p", "PyObject_CallNoArgs") export declare function PyObject_CallNoArgs(callable: u32): u32
@external("p", "PyObject_CallOneArg") export declare function PyObject_CallOneArg(callable: u32, argument: u32): u32
@external("p", "PyObject_Repr") export declare function PyObject_Repr(object: u32): u32
@external("p", "PyUnicode_AsUTF8AndSize") export declare function PyUnicode_AsUTF8AndSize(object: u32, length: u32): u32
@external("p", "PyCFunction_NewEx") export declare function PyCFunction_NewEx(definition: u32, self: u32, module: u32): u32
@external("p", "PyImport_AddModule") export declare function PyImport_AddModule(name: u32): u32
@external("p", "PyModule_AddObject") export declare function PyModule_AddObject(module: u32, name: u32, value: u32): i32
@external("p", "PyRun_SimpleString") export declare function PyRun_SimpleString(source: u32): i32
