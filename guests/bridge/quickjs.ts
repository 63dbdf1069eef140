// The interpreter's C API as the bridge uses it: quickjs-ng 0.17, a JSValue is a NaN-boxed 64-bit number.

@external("q", "JS_Eval") export declare function JS_Eval(ctx: u32, source: u32, length: u32, file: u32, flags: i32): i64
@external("q", "JS_EvalFunction") export declare function JS_EvalFunction(ctx: u32, value: i64): i64
@external("q", "JS_Call") export declare function JS_Call(ctx: u32, fn: i64, self: i64, argc: i32, argv: u32): i64
@external("q", "JS_Throw") export declare function JS_Throw(ctx: u32, value: i64): i64
@external("q", "JS_GetException") export declare function JS_GetException(ctx: u32): i64
@external("q", "JS_DupValue") export declare function JS_DupValue(ctx: u32, value: i64): i64
@external("q", "JS_FreeValue") export declare function JS_FreeValue(ctx: u32, value: i64): void
@external("q", "JS_NewArray") export declare function JS_NewArray(ctx: u32): i64
@external("q", "JS_SetPropertyUint32") export declare function JS_SetPropertyUint32(ctx: u32, object: i64, index: u32, value: i64): i32
@external("q", "JS_GetPropertyUint32") export declare function JS_GetPropertyUint32(ctx: u32, object: i64, index: u32): i64
@external("q", "JS_NewCFunction2") export declare function JS_NewCFunction2(ctx: u32, fn: u32, name: u32, length: i32, kind: i32, magic: i32): i64
@external("q", "JS_NewNumber") export declare function JS_NewNumber(ctx: u32, value: f64): i64
@external("q", "JS_NewStringLen") export declare function JS_NewStringLen(ctx: u32, text: u32, length: u32): i64
@external("q", "JS_NewUint8ArrayCopy") export declare function JS_NewUint8ArrayCopy(ctx: u32, bytes: u32, length: u32): i64
@external("q", "JS_GetUint8Array") export declare function JS_GetUint8Array(ctx: u32, length: u32, value: i64): u32
@external("q", "JS_ToCStringLen2") export declare function JS_ToCStringLen2(ctx: u32, length: u32, value: i64, cesu8: i32): u32
@external("q", "JS_FreeCString") export declare function JS_FreeCString(ctx: u32, text: u32): void
@external("q", "JS_ExecutePendingJob") export declare function JS_ExecutePendingJob(runtime: u32, ctx: u32): i32
@external("q", "JS_GetImportMeta") export declare function JS_GetImportMeta(ctx: u32, module: u32): i64
@external("q", "JS_GetModuleNamespace") export declare function JS_GetModuleNamespace(ctx: u32, module: u32): i64
@external("q", "JS_SetModuleLoaderFunc") export declare function JS_SetModuleLoaderFunc(runtime: u32, normalize: u32, load: u32, opaque: u32): void
@external("q", "JS_SetHostPromiseRejectionTracker") export declare function JS_SetHostPromiseRejectionTracker(runtime: u32, tracker: u32, opaque: u32): void
@external("q", "JS_SetContextOpaque") export declare function JS_SetContextOpaque(ctx: u32, opaque: u32): void
@external("q", "JS_GetContextOpaque") export declare function JS_GetContextOpaque(ctx: u32): u32
@external("q", "js_malloc") export declare function js_malloc(ctx: u32, size: u32): u32
@external("q", "js_free") export declare function js_free(ctx: u32, pointer: u32): void
@external("q", "js_strndup") export declare function js_strndup(ctx: u32, text: u32, length: u32): u32
@external("q", "JS_GetClassProto") export declare function JS_GetClassProto(ctx: u32, kind: u32): i64
@external("q", "JS_GetClassID") export declare function JS_GetClassID(value: i64): u32
@external("q", "JS_GetPrototype") export declare function JS_GetPrototype(ctx: u32, value: i64): i64
@external("q", "JS_GetLength") export declare function JS_GetLength(ctx: u32, value: i64, length: u32): i32
@external("q", "JS_GetTypedArrayType") export declare function JS_GetTypedArrayType(value: i64): i32
@external("q", "JS_GetOwnProperty") export declare function JS_GetOwnProperty(ctx: u32, descriptor: u32, object: i64, atom: u32): i32
@external("q", "JS_GetOwnPropertyNames") export declare function JS_GetOwnPropertyNames(ctx: u32, names: u32, count: u32, object: i64, flags: i32): i32
@external("q", "JS_FreePropertyEnum") export declare function JS_FreePropertyEnum(ctx: u32, names: u32, count: u32): void
@external("q", "JS_AtomToValue") export declare function JS_AtomToValue(ctx: u32, atom: u32): i64
@external("q", "JS_AtomToCStringLen") export declare function JS_AtomToCStringLen(ctx: u32, length: u32, atom: u32): u32
@external("q", "JS_NewAtomLen") export declare function JS_NewAtomLen(ctx: u32, text: u32, length: u32): u32
@external("q", "JS_NewAtomUInt32") export declare function JS_NewAtomUInt32(ctx: u32, index: u32): u32
@external("q", "JS_FreeAtom") export declare function JS_FreeAtom(ctx: u32, atom: u32): void
@external("q", "JS_NewObject") export declare function JS_NewObject(ctx: u32): i64
@external("q", "JS_DefinePropertyValue") export declare function JS_DefinePropertyValue(ctx: u32, object: i64, atom: u32, value: i64, flags: i32): i32
@external("q", "JS_DefinePropertyValueUint32") export declare function JS_DefinePropertyValueUint32(ctx: u32, object: i64, index: u32, value: i64, flags: i32): i32
@external("q", "JS_ToFloat64") export declare function JS_ToFloat64(ctx: u32, result: u32, value: i64): i32
@external("q", "JS_WriteObject") export declare function JS_WriteObject(ctx: u32, size: u32, value: i64, flags: i32): u32
@external("q", "JS_ReadObject") export declare function JS_ReadObject(ctx: u32, bytes: u32, length: u32, flags: i32): i64
@external("q", "malloc") export declare function malloc(size: u32): u32
@external("q", "qjs_get_context_ptr") export declare function contextPointer(): u32
@external("q", "qjs_get_runtime_ptr") export declare function runtimePointer(): u32
