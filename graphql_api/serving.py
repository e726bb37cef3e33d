"""From settings to a server that answers, and back to nothing: what ``graphql-api serve`` does.

The first process owns the port and the embedded PostgreSQL. It serves by itself or, with more
workers, watches over them. Whatever ends it, PostgreSQL stops cleanly and no worker stays.
"""

import asyncio
import gc
import http.client
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Generator
from contextlib import AsyncExitStack, closing, contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import uvicorn
from starlette.applications import Starlette
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from db import accounts
from db.session import as_login, connect
from graphql_api import log, metrics
from graphql_api.app import create_app
from graphql_api.home import Home, NotServed, Report, bring_up, home
from graphql_api.settings import Settings, read_settings, to_environment
from resolvers import demo
from resolvers.demo.people import PEOPLE
from resolvers.passwords import Passwords

BACKLOG = 2048
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
WORKER_PATIENCE = 30
"""Seconds in which a new worker must be ready, and any must give a sign; a busy machine is slow."""
OK = 200


class Prepared(NamedTuple):
    """What the processes that answer are told."""

    settings: Settings
    folder: Path | None


def application() -> Starlette:
    """The application of one process, set by its environment.

    Made by uvicorn when its loop runs and it heeds signals.
    """
    settings = read_settings()
    log.set_up(settings)
    if parent := multiprocessing.parent_process():
        threading.Thread(target=_end_with, args=[parent], daemon=True).start()
    app = create_app(settings)
    app.state.draining.begin_on_signals(asyncio.get_running_loop(), settings.drain_seconds)
    # The schema and its modules stay. To look through them now and then stopped all requests for
    # 40 ms and more.
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    return app


def serve(settings: Settings, report: Report, *, with_demo: bool | None) -> int:
    """Serve until asked to stop. ``with_demo`` None: where only this machine can sign in.

    Raises NotServed, also when the embedded PostgreSQL is lost, and whatever ``home`` and
    ``bring_up`` raise.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    log.set_up(settings)
    began = time.monotonic()
    losses: list[str] = []

    def lost(line: str) -> None:
        losses.append(line)
        os.kill(os.getpid(), signal.SIGTERM)

    with _listening(settings) as port, asyncio.Runner() as runner:
        stack = AsyncExitStack()
        try:
            place = runner.run(stack.enter_async_context(home(settings, report, lost=lost)))
            prepared = runner.run(_prepare(place, settings, report, with_demo=with_demo))
            os.environ.update(to_environment(prepared.settings))
            _announce(prepared, port, report, began)
            with _counting(prepared.settings):
                code = _run(prepared.settings, port)
        except KeyboardInterrupt:
            code = 0
        finally:
            runner.run(stack.aclose())
    if losses:
        raise NotServed(losses[0])
    report("Stopped")
    return code


def _interrupt(_number: int, _frame: object) -> None:
    """SIGTERM takes the way of Ctrl-C."""
    signal.raise_signal(signal.SIGINT)


async def _prepare(
    place: Home, settings: Settings, report: Report, *, with_demo: bool | None
) -> Prepared:
    await bring_up(place, settings, report)
    told = _servers(place, settings) | {"secret_key": place.secret}
    wanted = bool(place.folder) and settings.on_loopback if with_demo is None else with_demo
    if not wanted and place.folder and not settings.on_loopback:
        await _refuse_known_passwords(place)
    if wanted and (sign_in := await load_demo(place, report)):
        told |= {"demo_email": sign_in.email, "demo_password": sign_in.password}
    return Prepared(settings.model_copy(update=_read(told)), place.folder)


def _servers(place: Home, settings: Settings) -> dict[str, object]:
    """Where processes that answer find the database; its superuser is not for them."""
    given = {
        "database_url": settings.database_url,
        "direct_database_url": settings.direct_database_url,
        "replica_url": settings.replica_url,
    }
    found = {name: url.get_secret_value() for name, url in given.items() if url}
    servers = {"database_url": place.url} if place.folder else found
    return {name: as_login(url, "mcp_api", place.secrets) for name, url in servers.items()}


def _read(told: dict[str, object]) -> dict[str, object]:
    return {name: getattr(read_settings(**told), name) for name in told}


async def load_demo(place: Home, report: Report) -> demo.Demo | None:
    """Load the demonstration data if the database is empty, and give its sign-in if it has one."""
    async with connect(place.url, place.secrets, size=2) as database:
        return await demo.load(database, report)


async def _refuse_known_passwords(place: Home) -> None:
    """The password of the demonstration is the same everywhere: others must not reach it."""
    async with connect(place.url, place.secrets, size=1) as database:
        with closing(Passwords(threads=1)) as passwords:
            for person in PEOPLE:
                account = await accounts.find_sign_in(database, person.email)
                kept = account and account.password_hash
                if kept and await passwords.verify(kept, demo.PASSWORD):
                    raise NotServed(
                        f"{place.folder} has the demonstration, whose password everybody knows: "
                        "serve it to this machine alone (--host 127.0.0.1), or start with another "
                        "folder (--data DIR). With --demo it is served all the same."
                    )


# The port


def _listening(settings: Settings) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)  # type: ignore[arg-type]
    except OSError as error:
        number = error.errno or 0
        reason = os.strerror(number) if number > 0 else error.strerror
        raise NotServed(
            f"Cannot listen on {settings.host} port {settings.port}: {reason}. Choose others with "
            "--host and --port."
        ) from error


def _announce(prepared: Prepared, port: socket.socket, report: Report, began: float) -> None:
    address: str
    address, number = port.getsockname()[:2]
    host = ANY_ADDRESS.get(address, address)
    place = f"[{host}]:{number}" if ":" in host else f"{host}:{number}"

    def wait() -> None:
        while not _ready(host, number):
            time.sleep(0.05)
        report(_welcome(prepared, place, time.monotonic() - began))

    threading.Thread(target=wait, daemon=True).start()


def _ready(host: str, number: int) -> bool:
    try:
        connection = http.client.HTTPConnection(host, number, timeout=5)
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == OK
    except (OSError, http.client.HTTPException):
        return False


def _welcome(prepared: Prepared, place: str, seconds: float) -> str:
    settings = prepared.settings
    lines = {"GraphQL": f"http://{place}/graphql"}
    if settings.graphiql:
        lines = {"GraphiQL": f"http://{place}/graphiql"} | lines
    if settings.demo_email and settings.demo_password:
        password = settings.demo_password.get_secret_value()
        lines["Sign in"] = f"{settings.demo_email}   password  {password}"
    lines["Data"] = f"{prepared.folder}" if prepared.folder else "the server of DATABASE_URL"
    lines["Stop"] = "Ctrl-C"
    block = "\n".join(f"  {name:<9} {text}" for name, text in lines.items())
    return f"\nReady after {seconds:.1f} s\n\n{block}\n"


# The processes


def _run(settings: Settings, port: socket.socket) -> int:
    config = uvicorn.Config(
        "graphql_api.serving:application",
        factory=True,
        workers=settings.workers,
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=True,
        forwarded_allow_ips=settings.trusted_proxies,
        ws_per_message_deflate=False,  # memory for every socket, and time for every line
        ws_max_size=settings.max_body_bytes,
        timeout_graceful_shutdown=settings.shutdown_seconds,
        timeout_worker_healthcheck=WORKER_PATIENCE,
        backlog=BACKLOG,
    )
    if settings.workers == 1:
        uvicorn.Server(config).run([port])
        return 0
    supervisor = Workers(config, [port])
    supervisor.run()
    failed = any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes)
    return STARTUP_FAILURE if failed else 0


@contextmanager
def _counting(settings: Settings) -> Generator[None]:
    """Several processes count into the files of one folder."""
    if settings.workers == 1 or not settings.metrics:
        yield
        return
    with TemporaryDirectory(prefix="graphql-api-metrics-") as folder:
        os.environ[metrics.FOLDER] = folder
        yield


class Workers(Multiprocess):
    """Processes that share the port; it is closed when the last of them takes no more requests."""

    def terminate_all(self) -> None:
        # Held here, it would let clients connect and wait when nobody answers any more.
        for port in self.sockets:
            port.close()
        super().terminate_all()


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
