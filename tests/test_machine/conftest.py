"""The program as people start it: a process of its own, with next to no environment."""
# ruff: noqa: ASYNC221, ASYNC240, S603, S607

import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Generator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from db.embedded import embedded
from graphql_api.home import bring_up, home
from graphql_api.serving import load_demo
from graphql_api.settings import read_settings

ROOT = Path(__file__).parents[2]

RunCli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def folder() -> Generator[Path]:
    """An empty folder with a short path, which the user that root's server runs as can reach."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="session")
async def made() -> AsyncGenerator[Path]:
    """A data folder in which a server has run; to be copied, not used."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        data = Path(name) / "made"
        async with embedded(data, said_to_nobody, durable=False):
            pass
        yield data


@pytest.fixture
def data(made: Path, folder: Path) -> Path:
    """A data folder in which a server has run."""
    copy = folder / "data"
    subprocess.run(["cp", "-a", made, copy], check=True)
    return copy


@pytest.fixture(scope="session")
async def demonstrated(made: Path) -> Path:
    """A data folder as a first ``serve`` leaves it, with the demonstration in it."""
    data = made.with_name("demonstrated")
    subprocess.run(["cp", "-a", made, data], check=True)
    settings = read_settings(data=data)
    async with home(settings, said_to_nobody) as place:
        await bring_up(place, settings, said_to_nobody)
        await load_demo(place, said_to_nobody)
    return data


@pytest.fixture
def demo_data(demonstrated: Path, folder: Path) -> Path:
    """A data folder with the demonstration in it."""
    copy = folder / "data"
    subprocess.run(["cp", "-a", demonstrated, copy], check=True)
    return copy


def said_to_nobody(_: str) -> None:
    pass


@pytest.fixture(scope="session")
def bare() -> dict[str, str]:
    """The environment of a program that was given none."""
    return {"PYTHONPATH": str(ROOT)}


@pytest.fixture
def run_cli(bare: dict[str, str], folder: Path) -> RunCli:
    """Runs ``graphql-api`` to its end."""

    def run(*words: str | Path, **settings: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-P", "-m", "graphql_api", *words],
            env=bare | settings,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run
