"""What is aimed at, next to what was measured."""

from collections.abc import Iterator
from typing import NamedTuple

from bench.policies import Cost
from bench.report import Case, Figures

MANY = 32
"""The connections at which the servers are compared."""

TIMES_POSTGRAPHILE = {"point": 3.5, "nested": 4.0, "logs": 4.0, "filtered": 4.0, "append": 2.0}
LATE = 1 / 3
OF_THE_FLOOR = 0.9
TIMES_NAIVE = 2.5
COST_OF_POLICIES = 0.10
COST_OF_COUNTS = 2.0
GROWTH = 1.3


class Aim(NamedTuple):
    """``most`` says that less is better."""

    what: str
    wanted: float
    found: float
    most: bool = False

    @property
    def reached(self) -> bool:
        return self.found <= self.wanted if self.most else self.found >= self.wanted


def compared(figures: Figures) -> Iterator[Aim]:
    """Those that the comparison of the servers tells of."""
    for query, wanted in TIMES_POSTGRAPHILE.items():
        rate = _over(figures, query, "ours", "postgraphile", "rate")
        late = _over(figures, query, "ours", "postgraphile", "p99")
        floor = _over(figures, query, "ours", "floor", "rate")
        work = _work(figures, query, "postgraphile", "ours")
        yield from _found(f"{query}: requests/s, times PostGraphile's", wanted, rate)
        yield from _found(f"{query}: the same by CPU time", wanted, work)
        yield from _found(f"{query}: p99, of PostGraphile's", LATE, late, most=True)
        yield from _found(f"{query}: requests/s, of the floor's", OF_THE_FLOOR, floor)
    for query in ("point", "nested", "logs", "filtered", "dashboard"):
        naive = _over(figures, query, "loaders", "naive", "rate")
        yield from _found(f"{query}: without the plan, times naive Strawberry", TIMES_NAIVE, naive)
    counted = _cpu(figures, "counts", "ours"), _cpu(figures, "pages", "ours")
    if counted[0] and counted[1]:
        found = counted[0] / counted[1]
        yield Aim("totalCount at every level, times without", COST_OF_COUNTS, found, most=True)


def held(cost: Cost) -> Aim:
    """What the policies cost."""
    found = cost.with_policies / cost.without - 1
    return Aim("nested: what row level security adds", COST_OF_POLICIES, found, most=True)


def grown(small: Figures, large: Figures) -> Iterator[Aim]:
    """How much longer a query takes where a hundred times as much is stored."""
    for case, shot in small.items():
        found = large[case].p50 / shot.p50
        yield Aim(f"{case.query}: p50, 2 M over 20,000 executions", GROWTH, found, most=True)


def table(aims: list[Aim]) -> str:
    """As Markdown."""
    lines = ["| aim | wanted | found | |", "|---|--:|--:|---|"]
    for aim in aims:
        sign, said = ("≤" if aim.most else "≥"), ("" if aim.reached else "not reached")
        lines.append(f"| {aim.what} | {sign} {aim.wanted:.2f} | {aim.found:.2f} | {said} |")
    return "\n".join(lines)


def _found(what: str, wanted: float, found: float | None, *, most: bool = False) -> Iterator[Aim]:
    if found is not None:
        yield Aim(what, wanted, found, most)


def _case(figures: Figures, query: str, server: str) -> Case | None:
    case = Case(query, MANY, server)
    return case if case in figures else None


def _over(figures: Figures, query: str, one: str, other: str, what: str) -> float | None:
    cases = _case(figures, query, one), _case(figures, query, other)
    if cases[0] is None or cases[1] is None or not getattr(figures[cases[1]], what):
        return None  # not asked, or so slow that no request was answered in its turn
    return getattr(figures[cases[0]], what) / getattr(figures[cases[1]], what)


def _work(figures: Figures, query: str, one: str, other: str) -> float | None:
    of = _cpu(figures, query, one), _cpu(figures, query, other)
    return of[0] / of[1] if of[0] and of[1] else None


def _cpu(figures: Figures, query: str, server: str) -> float | None:
    """Milliseconds of CPU time a request, of the server and of PostgreSQL."""
    case = _case(figures, query, server)
    if case is None:
        return None
    own, postgres = figures[case].server_ms, figures[case].postgres_ms
    return None if own is None or postgres is None else own + postgres
