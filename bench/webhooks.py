"""Webhooks: what claiming costs where many deliveries wait, and how many are sent in a second.

    python -m bench.webhooks [--waiting 300000]

Says it of a PostgreSQL of its own without fsync, and an endpoint on this machine.
"""

import argparse
import asyncio
import statistics
import sys
import time
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg

from db import deliveries
from db.deliveries import Outcome
from db.embedded import embedded
from db.migrate import migrate
from db.secrets import Secrets
from db.session import Database, connect
from resolvers.delivering import LEASE, PURPOSE, Delivering
from resolvers.outgoing import Outgoing
from resolvers.signing import new_secret

if TYPE_CHECKING:
    from asyncpg import Connection, Record

SECRETS = Secrets("the secret of a database that is gone in a minute")
PATIENCE = timedelta(days=5)
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

WAIT = """
INSERT INTO webhook_deliveries (workspace_id, webhook_id, event, payload, next_attempt_at)
SELECT $1, $2, 'ping', '{"type": "ping", "data": {}}', now() + make_interval(secs => $4)
  FROM generate_series(1, $3)
"""


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def silent(_: str) -> None:
    """What the database reports."""


class Team:
    """A workspace with webhooks, and what waits for them."""

    def __init__(self, superuser: "Connection[Record]", database: Database) -> None:
        self.superuser, self.database = superuser, database
        self.workspace = self.person = UUID(int=0)

    async def make(self) -> None:
        self.person = await self.superuser.fetchval(
            "INSERT INTO users (email, name) VALUES ('a@example.org', 'A') RETURNING id"
        )
        async with self.superuser.transaction():
            self.workspace = await self.superuser.fetchval(
                "INSERT INTO workspaces (name, slug, owner_id) VALUES ('W', 'w', $1) RETURNING id",
                self.person,
            )
            await self.superuser.execute(
                "INSERT INTO workspace_users (workspace_id, user_id, role)"
                " VALUES ($1, $2, 'owner')",
                self.workspace,
                self.person,
            )

    async def webhook(self, url: str) -> UUID:
        id = await self.superuser.fetchval(
            "INSERT INTO webhooks (workspace_id, url, events, created_by)"
            " VALUES ($1, $2, '{execution.ended}', $3) RETURNING id",
            self.workspace,
            url,
            self.person,
        )
        sealed = self.database.sealing.seal(PURPOSE, new_secret().encode(), self.workspace, id)
        await self.superuser.execute(
            "INSERT INTO secret.webhook_secrets (workspace_id, webhook_id, secret, secret_key_id)"
            " VALUES ($1, $2, $3, $4)",
            self.workspace,
            id,
            *sealed,
        )
        return id

    async def waits(self, webhook: UUID, count: int, seconds: float = 0) -> None:
        await self.superuser.execute(WAIT, self.workspace, webhook, count, seconds)
        await self.superuser.execute("VACUUM ANALYZE webhook_deliveries")


async def claiming(team: Team, hooks: list[UUID], waiting: int) -> None:
    """One webhook has everything wait for it, the others a little."""
    for count in (0, waiting):
        await team.superuser.execute("TRUNCATE webhook_deliveries")
        for hook in hooks[1:]:
            await team.waits(hook, 200)
        if count:
            await team.waits(hooks[0], count // 2)
            await team.waits(hooks[0], count // 2, seconds=3600)
        took: list[float] = []
        for _ in range(30):
            began = time.perf_counter()
            claimed = await deliveries.claim(team.database, 50, 5, LEASE)
            took.append((time.perf_counter() - began) * 1000)
            for each in claimed:
                await deliveries.finish(team.database, each, Outcome(True, 200), PATIENCE)
        say(
            f"claim of up to 50, {count:,} wait for one of {len(hooks)} webhooks:"
            f" median {statistics.median(took):.1f} ms, longest {max(took):.1f} ms"
        )


async def sending(team: Team, hook: UUID) -> None:
    await team.superuser.execute("TRUNCATE webhook_deliveries")
    await team.waits(hook, 2_000)
    outgoing = Outgoing((ip_network("127.0.0.0/8"),))
    began = time.perf_counter()
    count = await Delivering(team.database, outgoing, PATIENCE).deliver()
    say(f"sent to one webhook, 5 at once: {count / (time.perf_counter() - began):.0f} a second")
    await outgoing.end()


async def in_turn(connection: "Connection[Record]", statement: str, *values: object) -> float:
    """Executions of a statement a second, each its own transaction."""
    began = time.perf_counter()
    for _ in range(1_000):
        await connection.execute(statement, *values)
    return 1_000 / (time.perf_counter() - began)


async def announcing(team: Team) -> None:
    flow = await _flow(team)
    end = (
        "INSERT INTO executions (workspace_id, workflow_id, trigger_type, status, duration_ms)"
        " VALUES ($1, $2, 'manual', 'success', 1)"
    )
    with_it = await in_turn(team.superuser, end, team.workspace, flow)
    await team.superuser.execute("UPDATE webhooks SET status = 'inactive'")
    without = await in_turn(team.superuser, end, team.workspace, flow)
    await team.superuser.execute("ALTER TABLE executions DISABLE TRIGGER announce_start")
    never = await in_turn(team.superuser, end, team.workspace, flow)
    say(
        f"executions that end, one after the other: {never:.0f} a second without the trigger,"
        f" {without:.0f} without a webhook, {with_it:.0f} with 20"
    )


async def _flow(team: Team) -> UUID:
    async with team.superuser.transaction():
        flow: UUID = await team.superuser.fetchval(
            "INSERT INTO workflows (workspace_id, name, definition, created_by)"
            " VALUES ($1, 'Flow', '{}', $2) RETURNING id",
            team.workspace,
            team.person,
        )
        await team.superuser.execute(
            "INSERT INTO workflow_versions"
            " (workspace_id, workflow_id, version, definition, created_by)"
            " VALUES ($1, $2, 1, '{}', $3)",
            team.workspace,
            flow,
            team.person,
        )
    return flow


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(ANSWER)
    await writer.drain()
    writer.close()


async def measure(url: str, waiting: int) -> None:
    await migrate(url, SECRETS, silent)
    superuser: Connection[Record] = await asyncpg.connect(url)
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, connect(url, SECRETS, size=2) as database:
        team = Team(superuser, database)
        await team.make()
        hooks = [await team.webhook(f"http://127.0.0.1:{port}/") for _ in range(20)]
        await claiming(team, hooks, waiting)
        await sending(team, hooks[0])
        await announcing(team)
    await superuser.close()


async def main(waiting: int) -> None:
    with TemporaryDirectory() as folder:
        async with embedded(Path(folder), silent, durable=False) as url:
            await measure(url, waiting)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--waiting", type=int, default=300_000, help="deliveries that wait")
    asyncio.run(main(parser.parse_args().waiting))
