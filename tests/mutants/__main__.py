"""Runs the tests on every mutant, several at a time, and tells which of them live."""

import argparse
import asyncio
import os
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bench.say import say
from db.embedded import embedded
from tests.mutants.mutations import Mutant, mutants_of

ROOT = Path(__file__).parents[2]
MODULES = [
    "db/relation.py",
    "db/pages.py",
    "db/filters.py",
    "db/batches.py",
    "db/plan.py",
    "graphql_api/plan.py",
    "graphql_api/ways.py",
]
NOTICE = [
    "tests/graphql_api/test_paging.py",
    "tests/graphql_api/test_filters.py",
    "tests/house/test_relations.py",
    "tests/graphql_api/test_ids.py",
    "tests/graphql_api/test_levels.py",
    "tests/graphql_api/test_rowless.py",
    "tests/graphql_api/test_visibility.py",
    "tests/graphql_api/test_same_answer.py",
]
"""What should notice, the likeliest first."""
SECONDS = 300
LOOKED_AT = Path(__file__).with_name("survivors.toml")


class Task(NamedTuple):
    file: str
    mutant: Mutant

    @property
    def name(self) -> str:
        return f"{self.file}: {self.mutant.what}"


def tasks(files: list[str]) -> Iterator[Task]:
    for file in files:
        for mutant in mutants_of((ROOT / file).read_text(encoding="utf-8")):
            yield Task(file, mutant)


async def passes(url: str, task: Task | None = None) -> bool:
    """Whether all tests pass with the mutant, or with none."""
    with tempfile.NamedTemporaryFile("w", suffix=".py", encoding="utf-8") as source:
        env = {**os.environ, "TEST_DATABASE_URL": url, "PYTHONPATH": str(ROOT)}
        env["PYTHONDONTWRITEBYTECODE"] = "1"
        if task:
            source.write(task.mutant.source)
            source.flush()
            env["MUTANT"] = task.file.removesuffix(".py").replace("/", ".")
            env["MUTANT_SOURCE"] = source.name
        process = await asyncio.create_subprocess_exec(
            *[sys.executable, "-m", "pytest", "-x", "-q", "-p", "tests.mutants.plugin", *NOTICE],
            cwd=ROOT,
            env=env,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            return await asyncio.wait_for(process.wait(), SECONDS) == 0
        except TimeoutError:
            process.kill()
            await process.wait()
            return False


async def run(files: list[str], at_once: int, only: str) -> int:
    known: dict[str, str] = tomllib.loads(LOOKED_AT.read_text(encoding="utf-8"))
    wanted = [task for task in tasks(files) if only in task.name and task.name not in known]
    alive: list[Task] = []
    began, done, turns = time.monotonic(), 0, asyncio.Semaphore(at_once)

    async def tried(task: Task, url: str) -> None:
        nonlocal done
        async with turns:
            if await passes(url, task):
                alive.append(task)
                say(f"LIVES  {task.file}:{task.mutant.line}  {task.mutant.what}")
            done += 1
            if done % 20 == 0:
                say(f"{done} of {len(wanted)} after {time.monotonic() - began:.0f} s")

    with tempfile.TemporaryDirectory() as folder:
        async with embedded(Path(folder), say, durable=False) as url:
            if not await passes(url):
                say("The tests fail without a mutant.")
                return 2
            await asyncio.gather(*(tried(task, url) for task in wanted))
    say(f"{len(wanted)} mutants: {len(wanted) - len(alive)} noticed, {len(alive)} not")
    return 1 if alive else 0


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python3 dev.py mutants",
        description="Change the compiler and the relations, one thing at a time, and see that a"
        " test fails.",
    )
    parser.add_argument("files", nargs="*", default=MODULES, metavar="FILE")
    parser.add_argument("--at-once", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", default="", help="only mutants whose name contains this")
    given = parser.parse_args()
    return asyncio.run(run(given.files, given.at_once, given.only))


if __name__ == "__main__":
    sys.exit(main())
