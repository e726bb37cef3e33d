"""``graphql-api tail``: follows logs in the terminal, and goes on where it stood after a break."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Subprotocol

from resolvers.errors import Refusal, Unauthenticated

PROTOCOL = Subprotocol("graphql-transport-ws")
UNAUTHORIZED, FORBIDDEN = 4401, 4403
PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Seconds before each try to connect again; the last for all later ones."""

LOGS = """
subscription Tail($id: ID!, $after: String, $minLevel: LogLevel, $nodeId: String) {
  executionLogs(executionId: $id, after: $after, minLevel: $minLevel, nodeId: $nodeId) {
    lines { seq timestamp level nodeId message } cursor ended
  }
}
"""
WORKSPACE = "query Find($slug: String!) { workspaceBySlug(slug: $slug) { id } }"
EXECUTIONS = """
subscription TailWorkspace($id: ID!, $after: String) {
  workspaceExecutions(workspaceId: $id, after: $after) {
    executions { databaseId status workflow { name } } cursor
  }
}
"""

COLOURS = {"DEBUG": "2", "INFO": "0", "WARN": "33", "ERROR": "31", "SUCCESS": "32"}

Say = Callable[[str], None]


class Refused(Refusal):
    """The server said no."""


class Place(NamedTuple):
    """The server's address, and the token to show."""

    address: str
    token: str | None

    @property
    def socket(self) -> str:
        parts = urlsplit(self.address)
        return urlunsplit(parts._replace(scheme="wss" if parts.scheme == "https" else "ws"))


class Tail:
    """Follows logs; ``say`` prints a line, coloured for a terminal if ``colour``."""

    def __init__(self, place: Place, say: Say, *, colour: bool, wanted: dict[str, Any]) -> None:
        self._place, self._say, self._colour, self._wanted = place, say, colour, wanted

    async def execution(self, id: str, label: str = "") -> None:
        """Every line to the end. Raises Refusal."""
        after: str | None = None
        while True:
            variables = {"id": id, "after": after, **self._wanted}
            async with aclosing(self._results(LOGS, variables)) as results:
                async for data in results:
                    batch = data["executionLogs"]
                    for line in batch["lines"]:
                        self._say(self._line(line, label))
                    after = variables["after"] = batch["cursor"]
                    if batch["ended"]:
                        self._say(self._paint(batch["ended"], f"{label}{batch['ended'].lower()}"))
                        return

    async def workspace(self, slug: str) -> None:
        """The logs of every execution that begins or changes, until broken off. Raises Refusal."""
        async with aclosing(self._results(WORKSPACE, {"slug": slug})) as found:
            workspace = (await anext(found))["workspaceBySlug"]
        if workspace is None:
            raise Refused(f"There is no workspace {slug!r}, or you may not see it.")
        variables: dict[str, Any] = {"id": workspace["id"], "after": None}
        followed: set[str] = set()
        async with (
            asyncio.TaskGroup() as group,
            aclosing(self._results(EXECUTIONS, variables)) as results,
        ):
            async for data in results:
                changes = data["workspaceExecutions"]
                variables["after"] = changes["cursor"]
                for each in changes["executions"]:
                    id = each["databaseId"]
                    if id not in followed:
                        followed.add(id)
                        group.create_task(self._one_of(id, f"{_named(each)} "))

    async def _one_of(self, id: str, label: str) -> None:
        try:
            await self.execution(id, label)
        except Refusal as refusal:
            self._say(self._paint("ERROR", f"{label}{refusal.message}"))

    async def _results(
        self, query: str, variables: dict[str, Any]
    ) -> AsyncGenerator[dict[str, Any]]:
        """The data of each result. After a break it asks again, with the variables as they are."""
        tries = 0
        while True:
            try:
                async with aclosing(self._connected(query, variables)) as results:
                    async for data in results:
                        tries = 0
                        yield data
                return
            except ConnectionClosed as closed:
                if closed.rcvd and closed.rcvd.code in (UNAUTHORIZED, FORBIDDEN):
                    raise Unauthenticated(closed.rcvd.reason) from closed
            except (OSError, WebSocketException) as error:
                if tries == 0:
                    self._say(self._paint("DEBUG", f"connecting again: {error}"))
            await asyncio.sleep(PAUSES[min(tries, len(PAUSES) - 1)])
            tries += 1

    async def _connected(
        self, query: str, variables: dict[str, Any]
    ) -> AsyncGenerator[dict[str, Any]]:
        """The data of each result, over one connection."""
        token = self._place.token
        hello = {"authorization": f"Bearer {token}"} if token else {}
        asked = {"query": query, "variables": variables}
        async with connect(self._place.socket, subprotocols=[PROTOCOL]) as socket:
            await socket.send(json.dumps({"type": "connection_init", "payload": hello}))
            await socket.recv()  # the acknowledgement; without it the socket is closed
            await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": asked}))
            while (message := json.loads(await socket.recv()))["type"] != "complete":
                if message["type"] == "next":
                    yield _data(message["payload"])
                elif message["type"] == "error":
                    raise _refusal(message["payload"][0])

    def _line(self, line: dict[str, Any], label: str) -> str:
        node = f" [{line['nodeId']}]" if line["nodeId"] else ""
        head = f"{label}{line['timestamp'][11:23]} {line['level']:<5}{node}"
        return f"{self._paint(line['level'], head)} {_plain(line['message'])}"

    def _paint(self, level: str, text: str) -> str:
        return f"\x1b[{COLOURS.get(level, '31')}m{text}\x1b[0m" if self._colour else text


def _named(execution: dict[str, Any]) -> str:
    workflow: dict[str, str] | None = execution["workflow"]
    return workflow["name"] if workflow else execution["databaseId"][:8]


def _data(response: dict[str, Any]) -> dict[str, Any]:
    if response.get("errors"):
        raise Refused(response["errors"][0]["message"])
    return response["data"]


def _refusal(error: dict[str, Any]) -> Exception:
    code: str = error["extensions"]["code"]
    return OSError(error["message"]) if code == "UNAVAILABLE" else Refused(error["message"])


def _plain(message: str) -> str:
    """The message without what would steer the terminal."""
    return "".join(each if each.isprintable() or each in "\n\t" else "�" for each in message)
