"""Sealing anew, with the present key, what other keys sealed; before the old secret is forgotten.

Each page is a transaction, and what is done is found done: it can be broken off and run again.
"""

from collections.abc import Callable
from uuid import UUID

from db import credentials
from db.session import Database

MOST = 100
"""Integrations that one transaction seals anew."""

Report = Callable[[str], None]


async def rewrap(database: Database, report: Report) -> bool:
    """Whether everything is sealed with the present key now; the report names what is not."""
    total = await credentials.count_under_other_keys(database)
    done, closed, behind = 0, list[UUID](), UUID(int=0)
    while page := await credentials.rewrap(database, behind, MOST):
        done, behind = done + page.done, page.last
        closed += page.closed
        report(f"Sealed the credentials of {done} of {total} integrations anew")
    for each in closed:
        report(f"The credentials of integration {each} do not open; enter them again")
    return not await credentials.count_under_other_keys(database)
