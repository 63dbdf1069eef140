/** Python that runs once, while an image is made: what it leaves in memory is the image. */

/** Where an image's files lie in every sandbox. */
export const LIBRARY_DIRECTORY = '/lib'
/** The prelude's place in it, and the standard library's: what CPython looks for below its prefix. */
export const PRELUDE = 'toka'
export const STDLIB = 'python314.zip'
/** Where the packages of an image are, if it has some. */
export const PACKAGES = 'site-packages'
/** Where the bytecode of imported modules is while an image is made, by their names: no sandbox has it. */
export const BYTECODE_DIRECTORY = '/bytecode'

/**
 * What is printed is told line by line, as on a terminal. The prelude boots; what was compiled is kept for the interpreter that
 * is booted next, and where it was kept it is taken: so the memory of the second one never held a parser's garbage. Code is
 * the same either way, its file names too. The prelude clears the names that are left here; what it made is never looked
 * through by the collector again.
 */
export const BOOT = `
def boot():
    import marshal, sys, zipimport
    from importlib.machinery import SourceFileLoader

    def keeping(compiled):
        def get_code(loader, name):
            try:
                with open("${BYTECODE_DIRECTORY}/" + name, "rb", 0) as file:
                    return marshal.loads(file.read())
            except FileNotFoundError:
                code = compiled(loader, name)
            with open("${BYTECODE_DIRECTORY}/" + name, "wb", 0) as file:
                file.write(marshal.dumps(code))
            return code
        return get_code

    sys.stdout.reconfigure(line_buffering=True)
    sys.path[:] = ["${LIBRARY_DIRECTORY}/${PRELUDE}", "${LIBRARY_DIRECTORY}/${STDLIB}", "${LIBRARY_DIRECTORY}/${PACKAGES}"]
    own = zipimport.zipimporter.get_code
    zipimport.zipimporter.get_code = keeping(own)
    SourceFileLoader.get_code = keeping(SourceFileLoader.get_code)
    import _toka_boot
    _toka_boot.boot()
    zipimport.zipimporter.get_code = own
    del SourceFileLoader.get_code

boot()
__import__("gc").collect()
__import__("gc").freeze()
`
