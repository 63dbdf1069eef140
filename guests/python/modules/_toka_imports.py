"""Imports from the library's archive: some modules have bytecode beside it, and none is compiled twice."""

import marshal
import zipimport
import zlib

_LIBRARY = __file__.rpartition("/toka/")[0]
_ARCHIVE = _LIBRARY + "/python314.zip"

_own_get_filename = zipimport.zipimporter.get_filename


def _get_filename(self, fullname):
    """What `zipimporter.get_filename` answers, without the code where it is a source file whose name is asked for."""
    path = zipimport._get_module_path(self, fullname)
    files = self._get_files()
    for suffix, is_bytecode, _ in zipimport._zip_searchorder:
        entry = files.get(path + suffix)
        if entry is not None and not is_bytecode:
            return entry[0]
        if entry is not None:
            break
    # Bytecode may be of another version, and then not be what counts; or there is no such module.
    return _own_get_filename(self, fullname)


def install():
    """At image build, before anything is imported."""
    zipimport.zipimporter.get_filename = _get_filename


def use_bytecode():
    """At image build, when all is imported that the image has."""
    own_get_code = zipimport.zipimporter.get_code

    def get_code(self, fullname):
        # Sources stay what tracebacks and `inspect` show.
        if self.archive == _ARCHIVE:
            try:
                with open(f"{_LIBRARY}/bytecode/{fullname}", "rb", 0) as file:
                    return marshal.loads(zlib.decompress(file.read()))
            except OSError:
                pass
        return own_get_code(self, fullname)

    zipimport.zipimporter.get_code = get_code
