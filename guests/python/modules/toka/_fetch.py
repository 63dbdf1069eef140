"""`fetch`: HTTP requests through the sandbox's net grants, blocking and awaitable."""

import json

from _toka_calls import call_tool
from _toka_encode import encode

from toka._services import ASK, READ, Awaited, Blocking, finish, give_up
from toka._upload import source_of, upload


class Response:
    """An answer: `status`, `reason`, `headers`, `url`, `redirected`, and a body that is read once."""

    __module__ = "toka"

    def __init__(self, answer, body=None):
        self.status = answer["status"]
        self.reason = answer["statusText"]
        self.url = answer["url"]
        self.redirected = answer["redirected"]
        # Several headers of one name are joined, as RFC 9110 has it; header_list keeps them apart.
        self.header_list = [(name, value) for name, value in answer["headers"]]
        self.headers = {}
        for name, value in self.header_list:
            self.headers[name] = f"{self.headers[name]}, {value}" if name in self.headers else value
        self._body = answer["body"]
        self._read = body

    @property
    def ok(self):
        """Whether the status is one of success."""
        return 200 <= self.status <= 299

    def chunks(self):
        """The body piece by piece, as it comes."""
        if self._read is not None:
            yield self._read
            return
        while self._body:
            chunk = call_tool(READ, encode(self._body))
            if not chunk:
                self._body = 0
                return
            yield chunk

    def bytes(self):
        """The whole body."""
        if self._read is None:
            self._read = b"".join(self.chunks())
        return self._read

    def text(self):
        """The whole body as text, by the charset that the answer names, else UTF-8."""
        return self.bytes().decode(_charset_of(self.headers.get("content-type", "")), "replace")

    def json(self):
        """The whole body as JSON."""
        return json.loads(self.bytes())

    def close(self):
        """Gives up the rest of the body."""
        if self._body:
            body, self._body = self._body, 0
            give_up(body)

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.close()

    def __repr__(self):
        return f"<Response {self.status} {self.url}>"


def _charset_of(content_type):
    for part in content_type.split(";")[1:]:
        name, _, value = part.strip().partition("=")
        if name.lower() == "charset":
            import codecs

            try:
                return codecs.lookup(value.strip("\"'")).name
            except LookupError:
                return "utf-8"
    return "utf-8"


def length_of(text):
    """The bytes of a body that a header `content-length` says."""
    text = str(text).strip()
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"the length of a body must be a number of bytes, not {text[:40]!r}")
    return int(text)


def _asked(way, url, method, headers, body, data, redirect):
    """The request as the host takes it, and the source of a body that follows. `data` is a value to send as JSON."""
    pairs = list(headers.items()) if hasattr(headers, "items") else list(headers or ())
    pairs = [[str(name), str(value)] for name, value in pairs]
    kinds = {name.lower() for name, _ in pairs}
    kind = source = None
    if data is not None:
        if body is not None:
            raise TypeError("fetch takes body or json, not both")
        body, kind = json.dumps(data).encode(), "application/json"
    elif isinstance(body, str):
        body, kind = body.encode(), "text/plain;charset=UTF-8"
    elif body is not None and not is_whole(body):
        source = source_of(body, way.blocks)
    if kind is not None and "content-type" not in kinds:
        pairs.append(["content-type", kind])
    method = method or ("GET" if body is None else "POST")
    asked = {"url": str(url), "method": method.upper(), "headers": pairs, "redirect": redirect}
    if source is not None:
        lengths = {length_of(value) for name, value in pairs if name.lower() == "content-length"}
        if len(lengths) > 1:
            raise ValueError("the length of a body is said more than once, and not alike")
        asked["headers"] = [pair for pair in pairs if pair[0].lower() != "content-length"]
        if lengths:
            asked["length"] = lengths.pop()
    elif body is not None:
        asked["body"] = bytes(body)
    return asked, source


def is_whole(body):
    """Whether a body is bytes, which are sent at once."""
    try:
        memoryview(body).release()
    except TypeError:
        return False
    return True


async def _answer(way, *request):
    asked, source = _asked(way, *request)
    if source is not None:
        return await upload(way, asked, source)
    return await way.request(ASK, asked, lambda answer: answer["body"])


def fetch(url, *, method=None, headers=None, body=None, json=None, redirect="follow"):
    """Makes a request and answers a Response, whose body is read as it is asked for.

    method is GET, or POST with a body; headers a dict or pairs; body text, bytes, or a file or iterable of bytes,
    which is sent piece by piece, with the length that a header content-length says; json a value to send; redirect
    "follow", "error" or "manual". Raises Denied, NetworkError or NetworkTimeout, or what the iterable raises.
    """
    return Response(finish(_answer(Blocking, url, method, headers, body, json, redirect)))


async def _fetch_aio(url, *, method=None, headers=None, body=None, json=None, redirect="follow"):
    """The same to await, whose body may be an asynchronous iterable, too. The answer's body is there when it is."""
    answer = await _answer(Awaited, url, method, headers, body, json, redirect)
    pieces = []
    try:
        while answer["body"] and (chunk := await Awaited.call(READ, answer["body"])):
            pieces.append(chunk)
    except BaseException:
        give_up(answer["body"])
        raise
    return Response({**answer, "body": 0}, b"".join(pieces))


fetch.aio = _fetch_aio
fetch.__module__ = "toka"
