"""What a workspace's integrations hold, so that it can be hidden in what its runtimes report.

Kept in memory for as long as the workspace reports something, and read again once a second and when
it is told that something changed. Where it cannot be read, nothing is stored.
"""

import base64
import time
from asyncio import Task, shield
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import permutations
from typing import NamedTuple, TypeVar, cast
from uuid import UUID

import msgspec

from db import credentials, runtime
from db.session import Database
from resolvers.beside import Beside
from resolvers.redaction import SHORTEST, Redaction, Value

FRESH = 1.0
"""Seconds that a reading is good for, from its beginning."""
MOST_WORKSPACES, MOST_PLACES = 500, 20_000

OPEN_NAMES = frozenset(
    {
        *("host", "port", "region", "database", "user", "username", "email", "header"),
        *("scope", "scopes", "tokentype", "expiresat", "expiresin"),
    }
)
"""What stands under these names in credentials, small and without ``_``, is no secret, and in every
other line of a log."""

SHORTEST_PART = 16
"""Characters of a line, or of an inner text, of a secret that is hidden where it stands alone."""
MOST_PAIRED = 4

UNKNOWN = Redaction()

Key = TypeVar("Key")
Kept = TypeVar("Kept")


class _Read(NamedTuple):
    values: frozenset[str]
    redaction: Redaction


NEVER: "tuple[float, Task[_Read] | None]" = (0.0, None)


class KnownSecrets:
    """What is known in a process."""

    def __init__(self) -> None:
        self._beside = Beside()
        self._workspaces: OrderedDict[UUID, UUID] = OrderedDict()
        self._reading: OrderedDict[UUID, tuple[float, Task[_Read]]] = OrderedDict()

    def forget(self, workspace_id: UUID) -> None:
        """The credentials of this workspace changed."""
        self._reading.pop(workspace_id, None)

    def place(self, id: UUID, workspace_id: UUID) -> None:
        """An execution or a workflow is in this workspace, so that nobody need ask."""
        _keep(self._workspaces, id, workspace_id, MOST_PLACES)

    async def redaction(self, database: Database, id: UUID) -> Redaction:
        """What hides the secrets of the workspace that an execution, workflow or deployment is in.

        Raises Unavailable.
        """
        workspace = self._workspaces.get(id) or await runtime.workspace_of(database, id)
        if workspace is None:
            return UNKNOWN  # nothing will be stored either
        self.place(id, workspace)
        began, reading = self._reading.get(workspace, NEVER)
        if reading is None or time.monotonic() - began > FRESH:
            before = reading.result() if reading and _succeeded(reading) else None
            reading = self._beside.start(_read(database, workspace, before))
            _keep(self._reading, workspace, (time.monotonic(), reading), MOST_WORKSPACES)
        try:
            return (await shield(reading)).redaction
        except Exception:
            self.forget(workspace)
            raise


async def _read(database: Database, workspace_id: UUID, before: _Read | None) -> _Read:
    found = await credentials.of_workspace(database, workspace_id)
    values = frozenset(value for each in found for value in secret_values(each))
    if before and before.values == values:
        return before
    return _Read(values, Redaction(values))


def _succeeded(task: "Task[_Read]") -> bool:
    return task.done() and not task.cancelled() and task.exception() is None


def _keep(kept: "OrderedDict[Key, Kept]", key: Key, value: Kept, most: int) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > most:
        kept.popitem(last=False)


def secret_values(given: Mapping[str, str]) -> Iterator[str]:
    """What is to be hidden: the values, their long lines and inner texts, and their base64."""
    for name, value in given.items():
        if name.replace("_", "").lower() not in OPEN_NAMES and len(value) >= SHORTEST:
            yield value
            yield from _parts(value)
            yield from _base64(value)
    if len(given) <= MOST_PAIRED:
        for one, other in permutations(given.values(), 2):  # as HTTP Basic has them
            yield from _base64(f"{one}:{other}")


def _parts(value: str) -> Iterator[str]:
    """The lines of a value, or the texts in it where it is JSON, such as a service account's."""
    texts = [value]
    if value[:1] in "{[":
        with suppress(msgspec.DecodeError):  # then it only looks like JSON
            texts = list(_texts(cast("Value", msgspec.json.decode(value))))
    for text in texts:
        for part in {text, *text.splitlines()} - {value}:
            if len(part) >= SHORTEST_PART and not part.startswith("-----"):
                yield part


def _texts(value: Value) -> Iterator[str]:
    match value:
        case str():
            yield value
        case list():
            for each in value:
                yield from _texts(each)
        case dict():
            for each in value.values():
                yield from _texts(each)
        case _:
            return


def _base64(value: str) -> Iterator[str]:
    raw = value.encode()
    yield base64.b64encode(raw).decode().rstrip("=")
    yield base64.urlsafe_b64encode(raw).decode().rstrip("=")
