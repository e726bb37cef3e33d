"""Sealing anew, with the present key, what other keys sealed; before the old secret is forgotten.

What is done is found done: it can be broken off and run again.
"""

from collections.abc import Callable
from uuid import UUID

from db import originals, rewrapping
from db.session import Database

MOST = 100
"""Secrets that one transaction seals anew."""
MOST_ORIGINALS = 500
"""Originals that one transaction looks at."""

Report = Callable[[str], None]


async def rewrap(database: Database, report: Report) -> bool:
    """Whether everything is sealed with the present key now; the report names what is not."""
    everything = True
    for name, kind in rewrapping.KINDS.items():
        total = await rewrapping.count_under_other_keys(database, kind)
        done, closed, behind = 0, list[UUID](), UUID(int=0)
        while page := await rewrapping.rewrap(database, kind, behind, MOST):
            done, behind = done + page.done, page.last
            closed += page.closed
            report(f"Sealed the secrets of {done} of {total} {name} anew")
        for each in closed:
            report(f"The secret {each} of {name} does not open; {kind.lost}")
        everything &= not await rewrapping.count_under_other_keys(database, kind)
    await _rewrap_originals(database, report)
    return everything


async def _rewrap_originals(database: Database, report: Report) -> None:
    """Look through them until nothing is found to be done: who has the old key only may still seal.

    Those that do not open are nobody's to enter again, and go with their executions.
    """
    while True:
        done, closed, behind = 0, 0, originals.FIRST
        while page := await originals.rewrap(database, behind, MOST_ORIGINALS):
            behind, closed = page.last, closed + page.closed
            if page.done:
                done += page.done
                report(f"Sealed {done} originals of what was masked anew")
        if not done:
            break
    if closed:
        report(f"{closed} originals of what was masked do not open, and stay as they are")
