"""The servers that are compared: one process each, with six connections to the same database."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from bench.queries import FOLDER as QUERIES_FOLDER
from bench.say import say
from db.secrets import Secrets
from db.session import SERVER_SETTINGS, as_login

HERE = Path(__file__).parent
POSTGRAPHILE = HERE / "postgraphile"
CONNECTIONS = 6
PATIENCE = 60  # seconds for a server to start

SERVERS = {
    "ours": "our server",
    "loaders": "our server without the plan",
    "floor": "hand-written SQL with Starlette and asyncpg",
    "naive": "Strawberry with data loaders",
    "postgraphile": "PostGraphile 5",
}


SETTINGS = {name: text for name, text in SERVER_SETTINGS.items() if name != "application_name"}
"""What our sessions set, for PostGraphile's; the others take it from us."""

NOT_NAIVE = {"append", "pages", "counts"}


class CannotMeasure(Exception):
    """Something is missing, or the answers differ; the message says what."""


class Server(NamedTuple):
    name: str
    port: int
    process: int

    @property
    def dialect(self) -> str:
        """The folder of ``queries/`` that speaks to it."""
        return "postgraphile" if self.name == "postgraphile" else "ours"


def has(name: str, query: str) -> bool:
    """Whether that server can be asked this."""
    match name:
        case "floor":
            return (QUERIES_FOLDER / "floor" / f"{query}.sql").exists()
        case "loaders":
            return query != "append"  # which goes no other way in ours
        case "naive":
            return query not in NOT_NAIVE
        case _:
            return True


@asynccontextmanager
async def running(
    names: list[str], url: str, secret: str, folder: Path, *, workers: int = 1
) -> AsyncGenerator[list[Server]]:
    """The servers, ready. ``url`` is the superuser's, ``folder`` takes what they log; ``workers``
    is for ours.
    """
    processes: list[subprocess.Popen[bytes]] = []
    try:
        servers: list[Server] = []
        for name in names:
            port = _free_port()
            with (folder / f"{name}.log").open("wb") as output:
                process = subprocess.Popen(  # noqa: S603, ASYNC220
                    _command(name, url, secret, port),
                    env=_environment(url, secret) | {"WORKERS": f"{workers}"},
                    stdout=output,
                    stderr=output,
                    cwd=POSTGRAPHILE if name == "postgraphile" else HERE.parent,
                )
            processes.append(process)
            servers.append(Server(name, port, process.pid))
            await _until_listening(process, port, folder / f"{name}.log")
        yield servers
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


def present(names: list[str]) -> list[str]:
    """Those of the servers that can run here; says why for the others."""
    if "postgraphile" in names and (lack := _lack_for_postgraphile()):
        say(f"Without PostGraphile: {lack}")
        return [name for name in names if name != "postgraphile"]
    return names


def _lack_for_postgraphile() -> str | None:
    if not shutil.which("node") or not shutil.which("npm"):
        return "there is no Node"
    if not (POSTGRAPHILE / "node_modules").exists():
        say("Installing PostGraphile")
        # not `ci`: the lock cannot hold the Node of other machines
        words = ["npm", "install", "--no-save", "--no-audit", "--no-fund"]
        done = subprocess.run(  # noqa: S603
            words, cwd=POSTGRAPHILE, capture_output=True, text=True, check=False
        )
        if done.returncode:
            return f"npm failed: {done.stderr.strip()[-300:]}"
    return None


def _node() -> str:
    """PostGraphile needs a newer one than many systems have; npm brings it along."""
    brought = (POSTGRAPHILE / "node_modules").glob("node-*/bin/node")
    return str(next(brought, "node"))


def _command(name: str, url: str, secret: str, port: int) -> list[str]:
    if name == "ours":
        return [sys.executable, "-m", "graphql_api", "serve", "--port", f"{port}"]
    if name == "postgraphile":
        return [_node(), "server.mjs", as_login(url, "mcp_api", Secrets(secret)), f"{port}"]
    words = [sys.executable, "-m", "uvicorn", f"bench.{name}:application", "--factory"]
    words += [
        "--loop",
        "uvloop",
        "--http",
        "httptools",
        "--no-access-log",
        "--log-level",
        "warning",
    ]
    return [*words, "--port", f"{port}"]


def _environment(url: str, secret: str) -> dict[str, str]:
    secrets = Secrets(secret)
    return {
        "PATH": os.environ.get("PATH", ""),
        "HOME": os.environ.get("HOME", ""),
        "PYTHONPATH": str(HERE.parent),
        "SECRET_KEY": secret,
        "DATABASE_URL": url,
        "ENVIRONMENT": "production",
        "POOL_SIZE": f"{CONNECTIONS}",
        "MAX_COST_PER_HOUR": "0",
        "BENCH_URL": as_login(url, "mcp_api", secrets),
        "NODE_ENV": "production",
        "GRAPHILE_ENV": "production",
        "PG_OPTIONS": " ".join(f"-c {name}={text}" for name, text in SETTINGS.items()),
        "TOKEN_KEY": secrets.derive("access-token").hex(),
        "VIEWER_KEY": secrets.derive("viewer").hex(),
        "KEY_ID": secrets.kid,
    }


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


async def _until_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < until:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return
    raise CannotMeasure(f"It did not start: {_end_of(log)}")


def _end_of(log: Path) -> str:
    return log.read_text(errors="replace")[-500:]
