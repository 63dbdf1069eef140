"""Imports from archives: CPython compiles each module twice there, once of them only to tell its file's name."""

import zipimport

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
    zipimport.zipimporter.get_filename = _get_filename
