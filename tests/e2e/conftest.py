"""A real server and a real browser that reaches nothing but that server.

The browser is the Chromium of the machine: ``CHROMIUM``, or what is on the path. Where there is
none the tests are skipped, but fail under ``CI``. ``E2E_SERVER`` names a demonstration server that
runs already (a container, say) to be tested in place of one of our own.
"""

import asyncio
import os
import shutil
import signal
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import msgspec
import pytest
from playwright.async_api import Browser, async_playwright, expect

from tests.e2e.visit import DemoSignIn, Visit

ROOT = Path(__file__).parents[2]
READY_WITHIN_S = 120
PATIENCE_MS = 30_000
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# The resolver knows no host but this one, so the page has no network beyond the server.
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]


@pytest.fixture(scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The address of a demonstration server."""
    if running := os.environ.get("E2E_SERVER"):
        yield running
        return
    data, port = tmp_path_factory.mktemp("e2e"), free_port()
    address, log = f"http://127.0.0.1:{port}", data / "server.log"
    surroundings = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "graphql_api", "serve"),
            *("--port", str(port), "--data", str(data / "postgres")),
            cwd=ROOT,
            env=surroundings,
            stdout=output,
            stderr=output,
        )
    try:
        if not await ready(address, process):
            pytest.fail(f"The server did not become ready:\n{log.read_text()}")
        yield address
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), 30)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def ready(address: str, process: Process) -> bool:
    deadline = asyncio.get_running_loop().time() + READY_WITHIN_S
    async with httpx.AsyncClient(base_url=address, timeout=5) as client:
        while process.returncode is None and asyncio.get_running_loop().time() < deadline:
            try:
                if (await client.get("/health/ready")).is_success:
                    return True
            except httpx.TransportError:
                await asyncio.wait([asyncio.create_task(process.wait())], timeout=0.1)
    return False


@pytest.fixture(scope="session")
async def demo(server: str) -> DemoSignIn:
    """The sign-in that the server's own page offers."""
    async with httpx.AsyncClient(base_url=server) as client:
        html = (await client.get("/graphiql")).text
    settings = html.split('type="application/json">', 1)[1].split("</script>", 1)[0]
    offered = msgspec.json.decode(settings)["demo"]
    return DemoSignIn(offered["email"], offered["password"])


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    executable = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        reason = f"No Chromium: install one of {', '.join(BROWSERS)}, or name it in CHROMIUM"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    expect.set_options(timeout=PATIENCE_MS)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield browser
        await browser.close()


@pytest.fixture
async def visit(browser: Browser, server: str) -> AsyncIterator[Visit]:
    """A newcomer's first visit."""
    context = await browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE_MS)
    visit = Visit(await context.new_page(), server)
    await visit.open()
    yield visit
    await context.close()
    assert visit.crashes == []
