"""The command ``graphql-api`` as a person at a terminal meets it."""

import asyncio
import json
import re
import signal
import socket
import subprocess
import sys
import tomllib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from db.embedded import embedded
from graphql_api.cli import VERSION

ROOT = Path(__file__).parents[2]
SECRET = "a secret of more than thirty-two characters"
READY_WITHIN = 60
SIGN_IN = re.compile(r"Sign in +(\S+) +password +(\S+)")

RunCli = Callable[..., subprocess.CompletedProcess[str]]


class Server(NamedTuple):
    """A server that is ready, and what it said until then."""

    process: asyncio.subprocess.Process
    said: str
    address: str

    async def answers(self) -> bool:
        async with httpx.AsyncClient() as client:
            answer = await client.post(
                f"{self.address}/graphql", json={"query": "{ __typename }"}, timeout=10
            )
        return answer.json() == {"data": {"__typename": "Query"}}


@asynccontextmanager
async def serving(
    data: Path, bare: dict[str, str], *options: str, **settings: str
) -> AsyncGenerator[Server]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "graphql_api", "serve", "--port", "0", "--data", data),
        *options,
        env=bare | settings,
        cwd="/",
        stderr=subprocess.PIPE,
    )
    try:
        said = await asyncio.wait_for(until_ready(process), READY_WITHIN)
        address = re.search(r"http://[^/\s]+", said)
        assert address, said
        yield Server(process, said, address[0])
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def until_ready(process: asyncio.subprocess.Process) -> str:
    said = ""
    assert process.stderr
    while line := await process.stderr.readline():
        said += line.decode()
        if "Ctrl-C" in said:
            break
    return said


async def test_a_server_says_where_it_is_and_answers_there(
    data: Path, bare: dict[str, str]
) -> None:
    async with serving(data, bare) as server:
        assert await server.answers()
        assert f"{server.address}/graphiql" in server.said


async def test_the_demonstration_sign_in_that_is_printed_signs_in(
    data: Path, bare: dict[str, str]
) -> None:
    sign_in = (
        "mutation ($input: SignInInput!) { signIn(input: $input) { errors { code } "
        "viewer { workspaces { nodes { slug workflows { totalCount } } } } } }"
    )
    async with serving(data, bare) as server, httpx.AsyncClient() as client:
        found = SIGN_IN.search(server.said)
        assert found, server.said
        body = {
            "query": sign_in,
            "variables": {"input": {"email": found[1], "password": found[2]}},
        }
        answer = (await client.post(f"{server.address}/graphql", json=body)).json()
    (workspace, *_) = answer["data"]["signIn"]["viewer"]["workspaces"]["nodes"]
    assert workspace["workflows"]["totalCount"] > 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_server_that_is_asked_to_stop_takes_postgresql_with_it(
    data: Path, bare: dict[str, str], number: signal.Signals, workers: str
) -> None:
    async with serving(data, bare, "--workers", workers, "--no-demo") as server:
        server.process.send_signal(number)
        _, said = await asyncio.wait_for(server.process.communicate(), 30)
    assert server.process.returncode == 0
    assert said.decode().endswith("Stopped\n")
    assert (data / "postgres.log").read_text().rstrip().endswith("database system is shut down")


async def test_workers_do_not_outlive_a_server_that_is_killed(
    data: Path, bare: dict[str, str]
) -> None:
    async with serving(data, bare, "--workers", "2", "--no-demo") as server:
        assert await server.answers()
        server.process.kill()
        # The workers hold the other ends of the pipe: it ends when they do.
        await asyncio.wait_for(server.process.communicate(), 30)
    async with embedded(data, lambda _: None, durable=False):
        earlier = (data / "postgres.log.1").read_text()
    assert earlier.rstrip().endswith("database system is shut down")


async def test_a_server_that_others_reach_has_no_demonstration_sign_in(
    data: Path, bare: dict[str, str]
) -> None:
    async with serving(data, bare, "--host", "0.0.0.0") as server:  # noqa: S104
        assert not SIGN_IN.search(server.said)


async def test_the_demonstration_is_not_served_to_others_by_accident(
    data: Path, bare: dict[str, str], run_cli: RunCli
) -> None:
    async with serving(data, bare) as server:
        assert SIGN_IN.search(server.said)
        server.process.terminate()
        await server.process.communicate()
    others = ("serve", "--port", "0", "--host", "0.0.0.0", "--data", data)  # noqa: S104
    said = refused(await asyncio.to_thread(run_cli, *others), 1)
    assert "has the demonstration, whose password everybody knows" in said


async def test_logs_are_json_in_production(data: Path, bare: dict[str, str]) -> None:
    async with serving(data, bare, "--no-demo", ENVIRONMENT="production") as server:
        assert await server.answers()
        server.process.terminate()
        _, said = await asyncio.wait_for(server.process.communicate(), 30)
    lines = [json.loads(line) for line in said.decode().splitlines() if line.startswith("{")]
    (request,) = (line for line in lines if line.get("path") == "/graphql")
    assert request["status"] == 200


async def test_an_import_works_beside_a_running_server(
    data: Path, bare: dict[str, str], run_cli: RunCli, folder: Path
) -> None:
    file = folder / "export.json"
    start: dict[str, object] = {
        "name": "Start",
        "type": "n8n-nodes-base.start",
        "parameters": {},
        "position": [0, 0],
    }
    file.write_text(json.dumps({"name": "Here", "nodes": [start], "connections": {}}))
    async with serving(data, bare) as server:
        slug = await slug_of_demo(server)
        words = ("import", "n8n", file, "--workspace", slug, "--data", data)
        ran = await asyncio.to_thread(run_cli, *words)
    assert ran.stdout.endswith("1 imported, 0 refused\n"), ran.stderr


async def slug_of_demo(server: Server) -> str:
    found = SIGN_IN.search(server.said)
    assert found
    query = (
        "mutation ($input: SignInInput!) "
        "{ signIn(input: $input) { viewer { workspaces { nodes { slug } } } } }"
    )
    body = {"query": query, "variables": {"input": {"email": found[1], "password": found[2]}}}
    async with httpx.AsyncClient() as client:
        answer = (await client.post(f"{server.address}/graphql", json=body)).json()
    return answer["data"]["signIn"]["viewer"]["workspaces"]["nodes"][0]["slug"]


def refused(ran: subprocess.CompletedProcess[str], code: int) -> str:
    """What a command that could not do its work said last."""
    assert ran.returncode == code, ran.stderr
    assert "Traceback" not in ran.stderr
    return ran.stderr.splitlines()[-1]


def test_a_port_in_use_is_a_line(run_cli: RunCli, folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = refused(run_cli("serve", "--port", port, "--data", folder / "data"), 1)
    assert said == (
        f"graphql-api: Cannot listen on 127.0.0.1 port {port}: Address already in use. "
        "Choose others with --host and --port."
    )


def test_a_data_folder_that_cannot_be_written_is_a_line(run_cli: RunCli) -> None:
    said = refused(run_cli("serve", "--port", "0", "--data", "/proc/nowhere"), 1)
    assert said.startswith("graphql-api: The data folder /proc/nowhere cannot be used")


def test_a_server_that_cannot_be_reached_is_a_line(run_cli: RunCli) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    url = f"postgresql://postgres@127.0.0.1:{port}/platform"
    said = refused(run_cli("migrate", DATABASE_URL=url, SECRET_KEY=SECRET), 1)
    assert said.startswith("graphql-api: ")
    assert str(port) in said


def test_a_wrong_setting_is_a_line_that_teaches(run_cli: RunCli) -> None:
    said = refused(run_cli("migrate", DATABASE_URL="localhost", SECRET_KEY=SECRET), 2)
    assert said == (
        "graphql-api: DATABASE_URL must look like postgresql://user:password@host:5432/database."
    )


def test_a_database_of_ones_own_needs_a_secret(run_cli: RunCli) -> None:
    said = refused(run_cli("serve", DATABASE_URL="postgresql://localhost/x"), 2)
    assert said.startswith("graphql-api: SECRET_KEY is needed with DATABASE_URL; make one:")


def test_importing_into_no_workspace_is_a_line(run_cli: RunCli, data: Path) -> None:
    ran = run_cli("import", "n8n", "x.json", "--workspace", "nowhere", "--data", data)
    assert refused(ran, 1) == "graphql-api: There is no workspace with the slug nowhere."


async def test_migrating_twice_is_the_same_as_once(
    run_cli: RunCli, new_database: Callable[[], Awaitable[str]]
) -> None:
    url = await new_database()
    first, second = [
        await asyncio.to_thread(run_cli, "migrate", DATABASE_URL=url, SECRET_KEY=SECRET)
        for _ in range(2)
    ]
    assert "applied 0001" in first.stderr
    assert second.stderr == "The database is up to date\n"


def test_the_schema_that_is_kept_is_the_one_that_is_served(run_cli: RunCli) -> None:
    ran = run_cli("schema", "--check", ROOT / "schema.graphql")
    assert (ran.returncode, ran.stdout) == (0, "")


def test_a_schema_that_differs_is_told_line_by_line(run_cli: RunCli, folder: Path) -> None:
    kept = folder / "schema.graphql"
    kept.write_text("type Query\n")
    ran = run_cli("schema", "--check", kept)
    assert ran.returncode == 1
    assert "-type Query\n" in ran.stdout


@pytest.mark.parametrize(
    "command",
    [[], ["serve"], ["migrate"], ["demo"], ["schema"], ["settings"], ["import", "n8n"]],
    ids=" ".join,
)
def test_every_command_explains_itself(run_cli: RunCli, command: list[str]) -> None:
    ran = run_cli(*command, "--help")
    assert ran.returncode == 0
    assert "Usage: graphql-api" in ran.stdout


def test_the_version_is_that_of_the_package(run_cli: RunCli) -> None:
    package = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert package["project"]["version"] == VERSION
