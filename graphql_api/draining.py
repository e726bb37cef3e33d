"""How a process leaves: it says so first, answers what it is asked meanwhile, and then ends.

Whoever sends requests here (a load balancer, a client that keeps its connection) needs a moment to
see that this process is leaving. In that moment readiness is refused and every answer closes its
connection; only then does the server stop listening, finish what runs, and exit.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from types import FrameType

import structlog
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.stdlib.get_logger("graphql_api.draining")

Stop = Callable[[int, FrameType | None], object]


class Draining:
    """``begun`` is set once the process is to leave: whoever streams ends the streams then."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self._asked = False
        self._ends: dict[object, Callable[[], object]] = {}

    def begin(self) -> None:
        self.begun.set()
        for end in list(self._ends.values()):
            end()

    @contextmanager
    def ending(self, end: Callable[[], object]) -> Generator[None]:
        """Calls ``end`` if the process is to leave during the block, at once if it is already."""
        if self.begun.is_set():
            end()
        key = object()
        self._ends[key] = end
        try:
            yield
        finally:
            del self._ends[key]

    def begin_on_signals(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        """Have the signals that stop the server begin this, and stop it ``seconds`` later.

        A second Ctrl-C does not wait. A server that heeds no signals is left as it is.
        """
        for number in (signal.SIGINT, signal.SIGTERM):
            stop = signal.getsignal(number)
            if callable(stop):
                signal.signal(number, self._before(stop, loop, seconds))

    def _before(self, stop: Stop, loop: asyncio.AbstractEventLoop, seconds: float) -> Stop:
        def begin(number: int) -> None:
            log.info("leaving", seconds=seconds)
            self.begin()
            loop.call_later(seconds, stop, number, None)

        def heed(number: int, frame: FrameType | None) -> None:
            if not self._asked:
                self._asked = True
                loop.call_soon_threadsafe(begin, number)
            elif number == signal.SIGINT:
                stop(number, frame)

        return heed


class LastAnswers:
    """ASGI middleware: while the process is leaving, every answer closes its connection."""

    def __init__(self, app: ASGIApp, draining: Draining) -> None:
        self._app, self._draining = app, draining

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http" or not self._draining.begun.is_set():
            return self._app(scope, receive, send)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Connection"] = "close"
            await send(message)

        return self._app(scope, receive, answer)
