"""The faults come last: they take the processors. What was measured is told at the end."""

import signal
from collections.abc import AsyncGenerator, Callable, Generator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.faults.servers import Postgres, postgres

MEASURED: list[str] = []

Measured = Callable[[str, float], None]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    items.sort(key=lambda item: here in item.path.parents)


@pytest.hookimpl
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if MEASURED:
        terminalreporter.section("measured")
        for line in MEASURED:
            terminalreporter.line(line)


@pytest.fixture(scope="session")
def measured() -> Measured:
    """Told what took how many seconds, to be said at the end of all tests."""

    def tell(what: str, seconds: float) -> None:
        MEASURED.append(f"{seconds:8.3f} s  {what}")

    return tell


@pytest.fixture(scope="session")
def faults_folder() -> Generator[Path]:
    with TemporaryDirectory() as name:
        yield Path(name)


@pytest.fixture(scope="session")
async def database_server(faults_folder: Path) -> AsyncGenerator[Postgres]:
    """A PostgreSQL with the sample, that every test leaves running."""
    async with postgres(faults_folder) as running:
        yield running


@pytest.fixture
async def running(database_server: Postgres) -> AsyncGenerator[Postgres]:
    """The same; started again where a test stopped it and failed."""
    yield database_server
    if not database_server.runs:
        await database_server.stop(signal.SIGINT)
        await database_server.start()
