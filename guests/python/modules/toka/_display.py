"""`progress` and `display`: what a program shows to who runs it, while it runs."""

import json

from _toka_calls import host_call
from _toka_encode import encode
from _toka_operations import Display, Progress
from _toka_values import undefined

# The methods by which notebooks find out how an object looks (IPython's rich display protocol).
_FORMS = {
    "_repr_html_": "text/html",
    "_repr_svg_": "image/svg+xml",
    "_repr_markdown_": "text/markdown",
    "_repr_latex_": "text/latex",
    "_repr_png_": "image/png",
    "_repr_jpeg_": "image/jpeg",
    "_repr_pdf_": "application/pdf",
    "_repr_json_": "application/json",
    "_repr_javascript_": "application/javascript",
}


def progress(fraction=None, message=None):
    """Tells how far the program is.

    fraction is a number from 0 to 1; a text alone is a message.
    """
    if isinstance(fraction, str):
        fraction, message = None, fraction
    told = [undefined if part is None else part for part in (fraction, message)]
    host_call(Progress, encode(told))


def display(*objects, raw=False):
    """Shows objects as notebooks do: by `_repr_mimebundle_`, `_repr_html_`, `_repr_svg_` and their like, else by repr.

    With raw=True each object is a dict of texts or bytes by MIME type, such as {"image/svg+xml": "<svg …>"}.
    """
    for shown in objects:
        host_call(Display, encode(_bundle_of(shown, raw)))


def _bundle_of(shown, raw):
    bundle = shown if raw else {**(rich_forms(shown) or {}), "text/plain": repr(shown)}
    return {kind: _content(kind, content) for kind, content in bundle.items()}


def _content(kind, content):
    if isinstance(content, (str, bytes)):
        return content
    if isinstance(content, (bytearray, memoryview)):
        return bytes(content)
    return json.dumps(content) if kind.endswith("json") else str(content)


def rich_forms(shown):
    """An object's own forms by MIME type; None when it has nothing but its repr."""
    if isinstance(shown, type):
        return None
    forms = {}
    for method, kind in _FORMS.items():
        content = _form(shown, method)
        if content is not None:
            forms[kind] = content
    make = getattr(shown, "_repr_mimebundle_", None)
    if callable(make):
        bundle = make(include=None, exclude=None)
        # A bundle may come with its metadata, which nobody here reads.
        bundle = bundle[0] if isinstance(bundle, tuple) else bundle
        forms.update(bundle or {})
    return forms or None


def _form(shown, method):
    make = getattr(shown, method, None)
    if not callable(make):
        return None
    try:
        content = make()
    except NotImplementedError:
        return None
    return content[0] if isinstance(content, tuple) and len(content) == 2 else content
