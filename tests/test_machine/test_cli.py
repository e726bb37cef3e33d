"""The command ``graphql-api`` as a person at a terminal meets it."""
# ruff: noqa: ASYNC221, S603, S607

import asyncio
import json
import os
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
from graphql_api.cli import VERSION, main

ROOT = Path(__file__).parents[2]
# Logins belong to the whole server, so their passwords must be those of the other tests.
SECRET = "the secret that every test of the database uses"
READY_WITHIN = 60
SIGN_IN = re.compile(r"Sign in +(\S+) +password +(\S+)")

ANSWERED = re.compile(r'^graphql_requests_total\{.*outcome="ok".*\} (\S+)$', re.MULTILINE)

RunCli = Callable[..., subprocess.CompletedProcess[str]]


class Server(NamedTuple):
    """A server that is ready, and what it said until then."""

    process: asyncio.subprocess.Process
    data: Path
    said: str
    address: str

    async def answers(self) -> bool:
        async with httpx.AsyncClient() as client:
            answer = await client.post(
                f"{self.address}/graphql", json={"query": "{ __typename }"}, timeout=10
            )
        return answer.json()["data"] == {"__typename": "Query"}


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
        yield Server(process, data, said, address[0])
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


@pytest.fixture(scope="module")
async def served(
    demonstrated: Path, bare: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[Server]:
    """A server with two workers and the demonstration, shared by those who only ask it."""
    data = tmp_path_factory.mktemp("served") / "data"
    subprocess.run(["cp", "-a", demonstrated, data], check=True)
    async with serving(data, bare, "--workers", "2") as server:
        yield server


async def test_a_server_says_where_it_is_and_answers_there(served: Server) -> None:
    assert await served.answers()
    assert f"{served.address}/graphiql" in served.said


async def test_the_demonstration_sign_in_that_is_printed_signs_in(served: Server) -> None:
    assert await slugs_of_demo(served)


async def test_a_scrape_of_any_worker_tells_of_all(served: Server) -> None:
    async def scrape() -> tuple[str, int]:
        async with httpx.AsyncClient() as client:  # a connection of its own, for either worker
            text = (await client.get(f"{served.address}/metrics")).text
        return text, sum(int(float(number)) for number in ANSWERED.findall(text))

    _, before = await scrape()
    answers = [await served.answers() for _ in range(12)]
    scrapes = [await scrape() for _ in range(4)]

    assert all(answers)
    assert {count for _, count in scrapes} == {before + 12}
    assert all("database_connections{" in text for text, _ in scrapes)


async def test_an_import_works_beside_a_running_server(
    served: Server, run_cli: RunCli, folder: Path
) -> None:
    file = folder / "export.json"
    start = {"name": "Start", "type": "n8n-nodes-base.start", "position": [0, 0]}
    file.write_text(json.dumps({"name": "Here", "nodes": [start], "connections": {}}))
    slug, *_ = await slugs_of_demo(served)
    words = ("import", "n8n", file, "--workspace", slug, "--data", served.data)
    ran = await asyncio.to_thread(run_cli, *words)
    assert ran.stdout.endswith("1 imported, 0 refused\n"), ran.stderr


async def slugs_of_demo(server: Server) -> list[str]:
    """The workspaces of the sign-in that was printed."""
    found = SIGN_IN.search(server.said)
    assert found, server.said
    query = (
        "mutation ($input: SignInInput!) "
        "{ signIn(input: $input) { viewer { workspaces { nodes { slug } } } } }"
    )
    body = {"query": query, "variables": {"input": {"email": found[1], "password": found[2]}}}
    async with httpx.AsyncClient() as client:
        answer = (await client.post(f"{server.address}/graphql", json=body, timeout=30)).json()
    nodes = answer["data"]["signIn"]["viewer"]["workspaces"]["nodes"]
    return [node["slug"] for node in nodes]


@pytest.mark.parametrize(
    ("number", "workers"), [(signal.SIGINT, "1"), (signal.SIGTERM, "1"), (signal.SIGTERM, "2")]
)
async def test_a_server_that_is_asked_to_stop_takes_postgresql_with_it(
    demo_data: Path, bare: dict[str, str], number: signal.Signals, workers: str
) -> None:
    async with serving(demo_data, bare, "--workers", workers, "--no-demo") as server:
        server.process.send_signal(number)
        _, said = await asyncio.wait_for(server.process.communicate(), 30)
    assert server.process.returncode == 0
    assert said.decode().endswith("Stopped\n")
    log = (demo_data / "postgres.log").read_text()
    assert log.rstrip().endswith("database system is shut down")


async def test_workers_do_not_outlive_a_server_that_is_killed(
    demo_data: Path, bare: dict[str, str]
) -> None:
    async with serving(demo_data, bare, "--workers", "2", "--no-demo") as server:
        server.process.kill()
        # The workers hold the other ends of the pipe: it ends when they do.
        await asyncio.wait_for(server.process.communicate(), 30)
    async with embedded(demo_data, lambda _: None, durable=False):
        earlier = (demo_data / "postgres.log.1").read_text()
    assert earlier.rstrip().endswith("database system is shut down")


async def test_a_server_that_loses_postgresql_ends_and_says_so(
    demo_data: Path, bare: dict[str, str]
) -> None:
    async with serving(demo_data, bare, "--no-demo") as server:
        record = (demo_data / "postgres" / "postmaster.pid").read_text()
        os.kill(int(record.split()[0]), signal.SIGKILL)
        _, said = await asyncio.wait_for(server.process.communicate(), 30)
    assert server.process.returncode == 1
    assert "graphql-api: PostgreSQL ended by itself" in said.decode()


async def test_a_server_that_others_reach_loads_no_demonstration(
    data: Path, bare: dict[str, str]
) -> None:
    async with serving(data, bare, "--host", "0.0.0.0") as server:  # noqa: S104
        assert not SIGN_IN.search(server.said)


def test_the_demonstration_is_not_served_to_others_by_accident(
    demo_data: Path, run_cli: RunCli
) -> None:
    ran = run_cli("serve", "--port", "0", "--host", "0.0.0.0", "--data", demo_data)  # noqa: S104
    assert "has the demonstration, whose password everybody knows" in refused(ran, 1)


async def test_logs_are_json_in_production(demo_data: Path, bare: dict[str, str]) -> None:
    async with serving(demo_data, bare, "--no-demo", ENVIRONMENT="production") as server:
        assert await server.answers()
        server.process.terminate()
        _, said = await asyncio.wait_for(server.process.communicate(), 30)
    lines = [json.loads(line) for line in said.decode().splitlines() if line.startswith("{")]
    (request,) = (line for line in lines if line.get("path") == "/graphql")
    assert request["status"] == 200


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
def test_every_command_explains_itself(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*command, "--help"])
    assert not ended.value.code
    assert "Usage: graphql-api" in capsys.readouterr().out


def test_the_version_is_that_of_the_package() -> None:
    package = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert package["project"]["version"] == VERSION
