"""Sealing anew, with the present key, what other keys sealed; before the old secret is forgotten.

What is done is found done: it can be broken off and run again.
"""

from collections.abc import Callable
from uuid import UUID

from db import rewrapping
from db.session import Database

MOST = 100
"""Secrets that one transaction seals anew."""

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
            report(f"The secret {each} of {name} does not open; enter it again")
        everything &= not await rewrapping.count_under_other_keys(database, kind)
    return everything
