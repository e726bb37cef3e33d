"""An aim is reached by what was measured, or said not to be."""

from bench.aims import Aim, compared, grown, held, table
from bench.load import Shot
from bench.policies import Cost
from bench.report import Case


def shot(rate: float, p99: float, work: float) -> Shot:
    return Shot(rate, p99 / 2, p99, 0, work, work)


def test_rates_lateness_and_work_are_compared() -> None:
    figures = {
        Case("point", 32, "ours"): shot(4000, 10, 0.5),
        Case("point", 32, "postgraphile"): shot(1000, 40, 1.5),
        Case("point", 32, "floor"): shot(8000, 5, 0.25),
        Case("pages", 32, "ours"): shot(100, 1, 2),
        Case("counts", 32, "ours"): shot(100, 1, 5),
    }

    found = {aim.what: (aim.found, aim.reached) for aim in compared(figures)}

    assert found == {
        "point: requests/s, times PostGraphile's": (4.0, True),
        "point: the same by CPU time": (3.0, False),
        "point: p99, of PostGraphile's": (0.25, True),
        "point: requests/s, of the floor's": (0.5, False),
        "totalCount at every level, times without": (2.5, False),
    }


def test_growth_and_policies_are_told_in_a_table() -> None:
    small, large = ({Case("logs", 1, "ours"): shot(1, p99, 1)} for p99 in (10, 12))
    aims = [held(Cost(1.2, 1.0)), *grown(small, large), Aim("more", 2, 1.5)]
    assert [aim.reached for aim in aims] == [False, True, False]
    assert table(aims).count("not reached") == 2
