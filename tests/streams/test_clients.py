"""Clients that people use follow a log to its end, and go on where they stood when they are cut."""

import asyncio
import json
import re
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from uuid import UUID

import pytest

from tests.streams.conftest import Bearer
from tests.streams.watching import Process

CLIENTS = Path(__file__).parent / "clients"
LONG = 60.0
CUTS = 3

node = pytest.mark.skipif(
    not (CLIENTS / "node_modules").is_dir(), reason="run `npm ci` in tests/streams/clients"
)
python = pytest.mark.skipif(find_spec("gql") is None, reason="gql is not installed")


GUIDE = (Path(__file__).parents[2] / "docs/clients/subscriptions.md").read_text("utf-8")


def of_the_guide(language: str, more: str) -> str:
    return "\n".join([*re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL), more])


TOLD_BY_JAVASCRIPT = """
import ws from "ws";
const [address, token, id] = process.argv.slice(1);
const show = ({ lines, ended }) =>
  console.log(JSON.stringify({ seen: lines.map((l) => l.seq), ended }));
await follow(%s, id, show);
process.exit(0);
"""
TOLD_BY_PYTHON = """
import json, sys
def show(batch):
    seen = [each["seq"] for each in batch["lines"]]
    print(json.dumps({"seen": seen, "ended": batch["ended"]}), flush=True)
address, token, id = sys.argv[1:]
asyncio.run(follow(address, lambda: token, id, show))
"""


def in_javascript(client: str) -> list[str]:
    script = of_the_guide("js", TOLD_BY_JAVASCRIPT % client)
    return ["node", "--input-type=module", "--eval", script]


class Cable:
    """Connections to the server that can be cut."""

    def __init__(self, to: str) -> None:
        self._host, _, port = to.partition(":")
        self._port = int(port)
        self._ends: set[asyncio.StreamWriter] = set()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection(self._host, self._port)
        self._ends |= {writer, to_server}
        await asyncio.gather(
            self._copy(reader, to_server), self._copy(from_server, writer), return_exceptions=True
        )
        for end in (writer, to_server):
            self._ends.discard(end)
            end.close()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while part := await reader.read(65_536):
            writer.write(part)
            await writer.drain()
        writer.transport.abort()

    def cut(self) -> None:
        for end in self._ends:
            end.transport.abort()


@asynccontextmanager
async def cable(to: str) -> AsyncGenerator[tuple[Cable, str]]:
    """A cable to the server, and the address of its near end."""
    laid = Cable(to)
    server = await asyncio.start_server(laid.carry, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield laid, f"127.0.0.1:{port}"
    finally:
        server.close()
        laid.cut()


@pytest.mark.parametrize(
    "client",
    [
        pytest.param(["node", "follow.mjs", "graphql-ws"], marks=node, id="graphql-ws"),
        pytest.param(["node", "follow.mjs", "graphql-sse"], marks=node, id="graphql-sse"),
        pytest.param(["node", "follow.mjs", "apollo"], marks=node, id="apollo"),
        pytest.param([sys.executable, "follow.py"], marks=python, id="gql"),
        pytest.param(
            in_javascript("overWebSocket(address, () => token, ws)"),
            marks=node,
            id="guide-graphql-ws",
        ),
        pytest.param(
            in_javascript("overEvents(address, () => token)"), marks=node, id="guide-graphql-sse"
        ),
        pytest.param(
            [sys.executable, "-c", of_the_guide("python", TOLD_BY_PYTHON)],
            marks=python,
            id="guide-gql",
        ),
    ],
)
async def test_a_client_follows_to_the_end_over_cut_connections(
    client: Sequence[str], here: Process, execution: UUID, address: str, bearer: Bearer
) -> None:
    token = bearer()["Authorization"].removeprefix("Bearer ")
    await here.append(execution, *["past"] * 300)
    async with cable(address) as (laid, near), asyncio.timeout(LONG):
        running = await asyncio.create_subprocess_exec(
            *client, near, token, str(execution), cwd=CLIENTS, stdout=asyncio.subprocess.PIPE
        )
        assert running.stdout is not None
        seen, ended, cuts = list[int](), None, 0
        async for line in running.stdout:
            batch = json.loads(line)
            seen, ended = seen + batch["seen"], batch["ended"]
            if ended or seen[-1] < 300 + 10 * cuts:
                continue
            if cuts == CUTS:
                await here.end(execution)
            else:
                laid.cut()
                cuts += 1
                await here.append(execution, *["live"] * 10)
        assert await running.wait() == 0
    assert seen == list(range(1, 300 + 10 * CUTS + 1))
    assert (ended, cuts) == ("SUCCESS", CUTS)
