"""An event loop over the host's calls: what is awaited are timers and answers of the host, and nothing else."""

from asyncio import base_events, events

import _toka
from _toka_calls import calls_under_way, settle_calls
from _toka_errors import NeverSettled

# The kernel's clock moves in such steps, in seconds, without the grant for a precise one.
_RESOLUTION = 0.001

_NO_THREADS = "a sandbox has no threads, so nothing runs in an executor: await a host tool, or do the work in line"
_NO_SOCKETS = "a sandbox has no sockets: use toka.fetch, or urllib.request"
_NO_PROCESSES = "a sandbox has no processes: use a host tool"
_NO_SIGNALS = "a sandbox has no signals"


class _HostWait:
    """In the place of a selector: waits for the host, and settles what has finished."""

    def select(self, timeout=None):
        under_way = calls_under_way()
        if timeout is None and not under_way:
            raise NeverSettled("every task waits for something that can never happen: nothing is under way any more")
        if timeout is None or timeout > 0:
            _toka.wait(-1.0 if timeout is None else timeout * 1_000)
        settle_calls()
        return ()

    def close(self):
        pass


def _refusing(name, message, kind=NotImplementedError):
    def refuse(self, *_args, **_options):
        raise kind(message)

    async def refuse_later(self, *_args, **_options):
        raise kind(message)

    original = getattr(base_events.BaseEventLoop, name, None) or getattr(events.AbstractEventLoop, name)
    refusal = refuse_later if _is_coroutine_function(original) else refuse
    refusal.__name__ = name
    return refusal


def _is_coroutine_function(function):
    # CO_COROUTINE, as inspect.iscoroutinefunction reads it.
    return bool(getattr(getattr(function, "__code__", None), "co_flags", 0) & 0x80)


class HostEventLoop(base_events.BaseEventLoop):
    """The loop of a sandbox: timers by the kernel's clock, host calls, no threads, sockets or processes."""

    def __init__(self):
        super().__init__()
        self._selector = _HostWait()
        self._clock_resolution = _RESOLUTION

    def time(self):
        return _toka.now(1) / 1_000

    def call_soon_threadsafe(self, callback, *args, context=None):
        return self.call_soon(callback, *args, context=context)

    def _write_to_self(self):
        pass

    def _process_events(self, event_list):
        pass


_REFUSED = {
    _NO_THREADS: ("run_in_executor",),
    _NO_SOCKETS: (
        "getaddrinfo",
        "getnameinfo",
        "create_connection",
        "create_server",
        "create_datagram_endpoint",
        "create_unix_connection",
        "create_unix_server",
        "connect_accepted_socket",
        "start_tls",
        "sendfile",
        "sock_accept",
        "sock_connect",
        "sock_recv",
        "sock_recv_into",
        "sock_recvfrom",
        "sock_recvfrom_into",
        "sock_sendall",
        "sock_sendfile",
        "sock_sendto",
        "add_reader",
        "add_writer",
        "remove_reader",
        "remove_writer",
        "connect_read_pipe",
        "connect_write_pipe",
    ),
    _NO_PROCESSES: ("subprocess_exec", "subprocess_shell"),
    _NO_SIGNALS: ("add_signal_handler", "remove_signal_handler"),
}
for _message, _names in _REFUSED.items():
    for _name in _names:
        setattr(HostEventLoop, _name, _refusing(_name, _message))


class HostEventLoopPolicy(events._BaseDefaultEventLoopPolicy):
    """Makes asyncio.run, asyncio.Runner and asyncio.new_event_loop take our loop."""

    _loop_factory = HostEventLoop


def call_future():
    """A future of the running loop for a host call."""
    return events.get_running_loop().create_future()
