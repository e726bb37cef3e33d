"""What requests of a viewer may cost in an hour: the count that all processes share.

Viewers are digests of 32 bytes. The sign-in login counts, as it does what comes before a request.
"""

from datetime import datetime

import msgspec

from db.errors import refusal_of
from db.session import Database

TAKE = "SELECT part, untaken, resets_at, seconds FROM app.take_cost($1, $2, $3)"
GIVE_BACK = "SELECT app.give_back_cost($1, $2, $3)"


class PartRow(msgspec.Struct, frozen=True):
    """A part of a budget, 0 if there is none; what nobody has taken yet of that hour, which ends at
    ``resets_at``, in ``seconds``."""

    part: int
    untaken: int
    resets_at: datetime
    seconds: float


async def take(database: Database, viewer: bytes, least: int, budget: int) -> PartRow:
    """A part of the viewer's budget, ``least`` or more. One round trip."""
    with refusal_of():
        async with database.auth.connection() as connection:
            [found] = await connection.fetch(TAKE, viewer, least, budget)
    return PartRow(*found)


async def give_back(
    database: Database, viewers: list[bytes], resets_at: list[datetime], parts: list[int]
) -> None:
    """What is left of parts that were taken, each viewer once, for others to take."""
    with refusal_of():
        async with database.auth.connection() as connection:
            await connection.execute(GIVE_BACK, viewers, resets_at, parts)
