"""Pytest plugins: what noticed a mutant is asked first, and mutants are tried in forks."""

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest

SOME = 12


class Noticing:
    """Notes in a file which tests notice mutants; those that noticed the last ones come first."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._file.touch()

    def last(self) -> str:
        return self._file.read_text(encoding="utf-8").splitlines()[-1]

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        self.put_in_order(items)

    def put_in_order(self, items: list[pytest.Item]) -> None:
        lines = self._file.read_text(encoding="utf-8").splitlines()
        noticed = {test: place for place, test in enumerate(lines, 1)}
        items.sort(key=lambda item: -noticed.get(item.nodeid, 0))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            with self._file.open("a", encoding="utf-8") as file:
                file.write(f"{report.nodeid}\n")


class Collected:
    """Instead of running the tests hands over a function that runs those of some files: of each
    test some cases."""

    def __init__(
        self, noticing: Noticing, use: Callable[[Callable[[list[str]], bool]], None]
    ) -> None:
        self._noticing, self._use = noticing, use

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        cases: defaultdict[str, list[pytest.Item]] = defaultdict(list)
        for item in session.items:
            cases[item.nodeid.partition("[")[0]].append(item)
        some = [one for each in cases.values() for one in each[:: -(-len(each) // SOME)]]

        def passes(files: list[str]) -> bool:
            items = [item for item in some if item.nodeid.partition("::")[0] in files]
            self._noticing.put_in_order(items)
            for item, following in zip(items, [*items[1:], None], strict=True):
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                if session.testsfailed:
                    return False
            return True

        self._use(passes)
        return True
