/** Python that runs once, while an image is made: in a first interpreter, which compiles, and in the one that is the image. */

/** Where an image's files lie in every sandbox. */
export const LIBRARY_DIRECTORY = '/lib'
/** The prelude's place in it, and the standard library's: what CPython looks for below its prefix. */
export const PRELUDE = 'toka'
export const STDLIB = 'python314.zip'
/** Where the packages of an image are, if it has some. */
export const PACKAGES = 'site-packages'
/** Where bytecode of modules that are imported later is, by their names (guests/python/modules/_toka_imports.py). */
export const BYTECODE = 'bytecode'
/** Where the first interpreter leaves bytecode, by the names of modules, of what a boot imports and of what is imported later. No sandbox has it. */
export const BOOT_BYTECODE = '/bytecode/boot/'
export const LATER_BYTECODE = '/bytecode/later/'

/** What is printed is told line by line, as on a terminal. All names are a function's: the prelude clears those of `__main__`. */
const BEGIN = `
    import marshal, sys, zipimport, zlib
    from importlib.machinery import SourceFileLoader
    sys.stdout.reconfigure(line_buffering=True)
    sys.path[:] = ["${LIBRARY_DIRECTORY}/${PRELUDE}", "${LIBRARY_DIRECTORY}/${STDLIB}", "${LIBRARY_DIRECTORY}/${PACKAGES}"]
`

/** Boots as the image does, since what is imported depends on it, and keeps all that was compiled. */
export const COMPILE = `
def compile_library():
${BEGIN}
    place = "${BOOT_BYTECODE}"

    def keeping(compiled):
        def get_code(loader, name):
            code = compiled(loader, name)
            content = marshal.dumps(code)
            with open(place + name, "wb", 0) as file:
                file.write(zlib.compress(content, 9) if place == "${LATER_BYTECODE}" else content)
            return code
        return get_code

    for loader in SourceFileLoader, zipimport.zipimporter:
        loader.get_code = keeping(loader.get_code)
    import _toka_boot
    _toka_boot.boot()
    place = "${LATER_BYTECODE}"
    for name in _toka_boot.LATER:
        __import__(name)

compile_library()
`

/**
 * Boots from that bytecode: this memory never held a parser's garbage. Code is the same either way, its file names too. What
 * the prelude made is never looked through by the collector again.
 */
export const BOOT = `
def boot():
${BEGIN}
    def kept(loader, name):
        with open("${BOOT_BYTECODE}" + name, "rb", 0) as file:
            return marshal.loads(file.read())

    own = zipimport.zipimporter.get_code
    SourceFileLoader.get_code = zipimport.zipimporter.get_code = kept
    import _toka_boot, _toka_imports
    _toka_boot.boot()
    del SourceFileLoader.get_code
    zipimport.zipimporter.get_code = own
    _toka_imports.use_bytecode()

boot()
__import__("gc").collect()
__import__("gc").freeze()
`
