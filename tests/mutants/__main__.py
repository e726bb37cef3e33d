"""Runs the tests on every mutant, several at a time, and tells which of them live."""

import argparse
import asyncio
import gc
import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

from bench.say import say
from db.embedded import embedded
from tests.mutants.mutations import mutants_of
from tests.mutants.plugin import Collected, Noticing
from tests.mutants.putting import Mutated, functions_of, put_inside
from tests.mutants.trials import Task, Trials, ended, forked

ROOT = Path(__file__).parents[2]
NOTICE = [
    "tests/graphql_api/test_values.py",
    "tests/graphql_api/test_plan.py",
    "tests/graphql_api/test_filters.py",
    "tests/graphql_api/test_ids.py",
    "tests/graphql_api/test_paging.py",
    "tests/db/test_plan.py",
    "tests/house/test_relations.py",
    "tests/graphql_api/test_levels.py",
    "tests/graphql_api/test_rowless.py",
    "tests/graphql_api/test_same_answer.py",
]
"""What should notice, if it is not said otherwise."""
ORDINARY = ["tests/graphql_api/test_ordinary.py", *NOTICE]
MODULES = {
    "db/relation.py": NOTICE,
    "db/pages.py": NOTICE,
    "db/filters.py": NOTICE,
    "db/batches.py": NOTICE,
    "db/plan.py": NOTICE,
    "db/plan_pages.py": NOTICE,
    "db/waiting.py": ["tests/db/test_waiting.py"],
    "graphql_api/plan.py": NOTICE,
    "graphql_api/leaves.py": NOTICE,
    "graphql_api/ways.py": NOTICE,
    "graphql_api/arguments.py": NOTICE,
    "graphql_api/coercion.py": ["tests/graphql_api/test_coercion.py"],
    "graphql_api/levels.py": ORDINARY,
    "graphql_api/steps.py": ORDINARY,
    "graphql_api/preparing.py": ORDINARY,
}
ALL = sorted({path for paths in MODULES.values() for path in paths})
OPTIONS = ["-x", "-q", "-s", "--hypothesis-seed=1"]
"""With a seed, so that no test fails by a chance that has nothing to do with the mutant."""
TEMPLATE, SAMPLE = "mutants_template", "mutants_sample"
LOOKED_AT = Path(__file__).with_name("survivors.toml")


def passes_afresh(noticing: Noticing, task: Task | None = None) -> bool:
    """Whether the tests pass where the mutant is imported instead of its module."""
    if task:
        sys.meta_path.insert(0, Mutated(task.module, task.mutant.source))
    paths = MODULES[task.file] if task else ALL
    return pytest.main([*OPTIONS, *paths], plugins=[noticing]) == 0


def tried_inside(tasks: Sequence[Task], noticing: Noticing, at_once: int, lives: Path) -> bool:
    """Try those that change only what functions do, where all is imported and collected already,
    with some of the tests; the names of those that live go to a file, to be tried with all."""

    def each_of(passes: Callable[[list[str]], bool]) -> None:
        def passes_with(task: Task) -> bool:
            put_inside(task.module, task.mutant.source)
            return passes(MODULES[task.file])

        for module in {task.module for task in tasks}:
            functions_of(module)
        gc.freeze()
        if ended(forked(partial(passes, ALL))):
            trials = Trials(at_once, len(tasks), "AGAIN ")
            for task in tasks:
                trials.begin(task, passes_with)
            lives.write_text("\n".join(task.name for task in trials.end()), encoding="utf-8")

    return pytest.main([*OPTIONS, *ALL], plugins=[noticing, Collected(noticing, each_of)]) == 0


def run(tasks: Sequence[Task], at_once: int, folder: Path, url: str) -> int:
    noticing, lives = Noticing(folder / "noticed"), folder / "lives"
    filled = urlunsplit(urlsplit(url)._replace(path=f"/{SAMPLE}"))
    os.environ |= {"TEST_DATABASE_URL": url, "TEST_TEMPLATE": TEMPLATE, "TEST_SAMPLE": filled}
    databases = [sys.executable, "-m", "tests.mutants.databases", url, TEMPLATE, SAMPLE]
    subprocess.run(databases, check=True)  # noqa: S603
    inside = [task for task in tasks if task.mutant.inside]
    ended(forked(partial(tried_inside, inside, noticing, at_once, lives)))
    if not lives.exists():
        say(f"The tests fail without a mutant: {noticing.last()}")
        return 2
    living = lives.read_text(encoding="utf-8").splitlines()
    rest = [task for task in tasks if not task.mutant.inside or task.name in living]
    trials = Trials(at_once, len(rest))
    for task in rest:
        trials.begin(task, partial(passes_afresh, noticing))
    alive = trials.end()
    say(f"{len(tasks)} mutants: {len(tasks) - len(alive)} noticed, {len(alive)} not")
    if not ended(forked(partial(passes_afresh, noticing))):
        say(f"That says nothing: by now the tests fail without a mutant, too: {noticing.last()}")
        return 2
    return 1 if alive else 0


async def with_postgres(tasks: Sequence[Task], at_once: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        async with embedded(Path(folder) / "data", say, durable=False) as url:
            return run(tasks, at_once, Path(folder), url)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python3 dev.py mutants",
        description="Change the compiler and the relations, one thing at a time, and see that a"
        " test fails.",
    )
    parser.add_argument("files", nargs="*", default=[*MODULES], metavar="FILE")
    parser.add_argument("--at-once", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", default="", help="only mutants whose name contains this")
    given = parser.parse_args()
    known: dict[str, str] = tomllib.loads(LOOKED_AT.read_text(encoding="utf-8"))
    tasks = [
        Task(file, mutant)
        for file in given.files
        for mutant in mutants_of((ROOT / file).read_text(encoding="utf-8"))
    ]
    wanted = [task for task in tasks if given.only in task.name and task.name not in known]
    return asyncio.run(with_postgres(wanted, given.at_once))


if __name__ == "__main__":
    sys.exit(main())
