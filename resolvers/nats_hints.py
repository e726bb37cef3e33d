"""Hints over NATS, where many hosts share the load; needs the extra ``nats``.

Only what ``resolvers.hints`` asks of a bus: nothing is kept, and a bus that is away costs no more
than waiting for the next look.
"""

import asyncio
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from db.errors import Unavailable

SUBJECT = "graphql-api.hints"
PATIENCE = 5
"""Seconds to connect in."""


class NatsHints:
    """The bus at ``url``, such as ``nats://user:password@host:4222``."""

    def __init__(self, url: str) -> None:
        """Raises ModuleNotFoundError without the extra ``nats``."""
        self._nats, self._url = import_module("nats"), url
        self._connection: Any = None

    async def publish(self, notices: Sequence[str]) -> None:
        if self._connection is None:
            raise Unavailable("NATS is not connected")
        try:
            for notice in notices:
                await self._connection.publish(SUBJECT, notice.encode())
        except (OSError, self._nats.errors.Error) as error:
            raise Unavailable(f"NATS cannot be reached: {error}") from error

    async def listen(self, heard: Callable[[str], None], ready: Callable[[], None]) -> None:
        gone = asyncio.Event()

        async def hear(message: Any) -> None:
            heard(message.data.decode(errors="replace"))

        async def lose() -> None:
            gone.set()

        async def complain(_: Exception) -> None:
            """The connection says so itself when it is gone."""

        try:
            connection = await self._nats.connect(
                self._url,
                allow_reconnect=False,
                connect_timeout=PATIENCE,
                closed_cb=lose,
                disconnected_cb=lose,
                error_cb=complain,
            )
            await connection.subscribe(SUBJECT, cb=hear)
        except (OSError, TimeoutError, self._nats.errors.Error) as error:
            raise Unavailable(f"NATS cannot be reached: {error}") from error
        self._connection = connection
        try:
            ready()
            await gone.wait()
            raise Unavailable("the connection to NATS was lost")
        finally:
            self._connection = None
            await connection.close()
