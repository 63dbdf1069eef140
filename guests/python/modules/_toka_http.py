"""urllib.request over the net grants: its opener asks the host, where the original opens sockets."""

import email.parser
import io
import urllib.error
import urllib.request
import urllib.response

from toka._fetch import fetch, is_whole, length_of

# Set by the connection itself: the host refuses them from a program.
_CONNECTION = frozenset(("accept-encoding", "connection", "content-length", "expect", "host", "te", "transfer-encoding"))


class _Body(io.RawIOBase):
    """A Response's body as a stream."""

    def __init__(self, response):
        self._response = response
        self._chunks = response.chunks()
        self._rest = memoryview(b"")

    def readable(self):
        return True

    def readinto(self, buffer):
        if not self._rest:
            self._rest = memoryview(next(self._chunks, b""))
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size

    def close(self):
        if not self.closed:
            self._response.close()
        super().close()


def _answer_of(response):
    text = "".join(f"{name}: {value}\r\n" for name, value in response.header_list)
    headers = email.parser.Parser().parsestr(text + "\r\n", headersonly=True)
    answer = urllib.response.addinfourl(io.BufferedReader(_Body(response)), headers, response.url, response.status)
    answer.msg = answer.reason = response.reason
    return answer


def _check_length(data, said):
    """The connection says the length of bytes itself; a program that says another one is mistaken."""
    size = memoryview(data).nbytes
    if length_of(said) != size:
        raise ValueError(f"the body has {size} bytes, and not the {said} that were said")


class HostHandler(urllib.request.BaseHandler):
    """Opens http and https through the host. Redirects are urllib's to follow, each decided on anew."""

    def http_request(self, request):
        """Does what urllib's own handler does before sending: bytes as data, with a type."""
        if request.data is not None:
            if isinstance(request.data, str):
                raise TypeError("POST data should be bytes, an iterable of bytes, or a file object. It cannot be of type str.")
            if not request.has_header("Content-type"):
                request.add_unredirected_header("Content-type", "application/x-www-form-urlencoded")
        return request

    https_request = http_request

    def http_open(self, request):
        pairs = {**request.headers, **request.unredirected_hdrs}
        headers = {name: value for name, value in pairs.items() if name.lower() not in _CONNECTION}
        data = request.data
        length = request.get_header("Content-length")
        if isinstance(data, io.TextIOBase):
            # As http.client sends it.
            data = (block.encode("iso-8859-1") for block in iter(lambda: request.data.read(io.DEFAULT_BUFFER_SIZE), ""))
        if data is not None and length is not None:
            if is_whole(data):
                _check_length(data, length)
            else:
                headers["content-length"] = length
        try:
            response = fetch(
                request.full_url, method=request.get_method(), headers=headers, body=data, redirect="manual"
            )
        except OSError as error:
            # Also of the program's own iterable, as in CPython.
            raise urllib.error.URLError(error) from error
        return _answer_of(response)

    https_open = http_open


def install():
    """At image build: urlopen takes our opener."""
    request = urllib.request
    opener = request.OpenerDirector()
    for handler in (
        HostHandler,
        request.UnknownHandler,
        request.HTTPDefaultErrorHandler,
        request.HTTPRedirectHandler,
        request.FileHandler,
        request.HTTPErrorProcessor,
        request.DataHandler,
    ):
        opener.add_handler(handler())
    request.install_opener(opener)
    # build_opener(…) starts from these classes.
    request.HTTPHandler.http_open = HostHandler.http_open
    request.HTTPSHandler.https_open = HostHandler.https_open
