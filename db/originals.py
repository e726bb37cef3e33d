"""What was masked, as it was: sealed by the API, and opened for whoever may see it.

Nothing here is kept unless whoever reported it asked for that.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, LiteralString, NamedTuple
from uuid import UUID

from db.json import Json
from db.sealing import NotOpened, Sealed, Sealing
from db.session import Database, Writing

if TYPE_CHECKING:
    from asyncpg import Connection, Record

KEEP: LiteralString = "SELECT app.keep_originals($1, $2, $3, $4, $5)"
REVEAL: LiteralString = (
    "SELECT part, line_id, seq, sealed, key_id FROM app.reveal_execution($1, $2)"
)

PAGE: LiteralString = """
SELECT execution_id, part, line_id, sealed, key_id
  FROM app.page_of_originals($1, $2, $3, $4, $5, $6)
"""
REWRAP: LiteralString = "SELECT app.rewrap_originals($1, $2, $3, $4, $5, $6)"

NO_LINE = UUID(int=0)


class Part(StrEnum):
    TRIGGER_DATA = "trigger_data"
    """What came with the start."""
    INPUT_DATA = "input_data"
    """What it was given."""
    OUTPUT_DATA = "output_data"
    """What it made."""
    ERROR_MESSAGE = "error_message"
    """Why it failed, as a text."""
    ERROR_STACK = "error_stack"
    """Where it failed, as a text."""
    LINE = "line"
    """A line of its log: an object with its `message` and `metadata`."""


class Original(NamedTuple):
    """``value`` is JSON, also of a text."""

    part: Part
    value: Json
    line_id: UUID = NO_LINE


class Revealed(NamedTuple):
    """``value`` is None where it was sealed with a key that is no longer known."""

    part: Part
    seq: int | None
    value: Json | None


async def keep(
    connection: "Connection[Record]",
    sealing: Sealing,
    execution_id: UUID,
    originals: Sequence[Original],
) -> None:
    """As the viewer that is bound to the connection's transaction."""
    sealed = [
        sealing.seal(_purpose(each.part), each.value.encode(), execution_id, each.line_id)
        for each in originals
    ]
    await connection.execute(
        KEEP,
        execution_id,
        [each.part.value for each in originals],
        [each.line_id for each in originals],
        [each.text for each in sealed],
        [each.key_id for each in sealed],
    )


async def reveal(
    transaction: Writing, sealing: Sealing, execution_id: UUID, seqs: Sequence[int]
) -> list[Revealed]:
    """Writes the audit log: to be handed out only after the commit."""
    found: list[Revealed] = []
    for part, line_id, seq, text, key_id in await transaction.fetch(REVEAL, execution_id, seqs):
        try:
            plain = sealing.open(_purpose(part), Sealed(text, key_id), execution_id, line_id)
        except NotOpened:
            found.append(Revealed(Part(part), seq, None))
            continue
        found.append(Revealed(Part(part), seq, Json(plain.decode())))
    return found


class Place(NamedTuple):
    """Which original: they are in this order."""

    execution_id: UUID
    part: str
    line_id: UUID


FIRST = Place(UUID(int=0), "", NO_LINE)


class Rewrapped(NamedTuple):
    """What became of a page: how many are under the present key now, and how many do not open."""

    last: Place
    done: int
    closed: int


async def rewrap(database: Database, behind: Place, most: int) -> Rewrapped | None:
    """Of the next ``most`` seal those of other keys with the present one; None at the end."""
    sealing, changed, closed = database.sealing, list[tuple[Place, bytes, Sealed]](), 0
    key_ids = {part.value: sealing.key_id(_purpose(part)) for part in Part}
    async with database.working() as transaction:
        rows = await transaction.fetch(PAGE, [*key_ids], [*key_ids.values()], *behind, most)
        for *place, text, old_id in rows:
            behind = Place(*place)
            if text is None:
                continue
            purpose, owners = _purpose(behind.part), (behind.execution_id, behind.line_id)
            try:
                plain = sealing.open(purpose, Sealed(text, old_id), *owners)
            except NotOpened:
                closed += 1
                continue
            changed.append((behind, text, sealing.seal(purpose, plain, *owners)))
        done = await _rewritten(transaction, changed) if changed else 0
    return Rewrapped(behind, done, closed) if rows else None


async def _rewritten(transaction: Writing, changed: Sequence[tuple[Place, bytes, Sealed]]) -> int:
    """How many were: what others changed at the same moment is theirs."""
    return await transaction.value(
        REWRAP,
        *([place[n] for place, _, _ in changed] for n in range(3)),
        [old for _, old, _ in changed],
        [new.text for _, _, new in changed],
        [new.key_id for _, _, new in changed],
    )


def _purpose(part: str) -> str:
    return f"original of an execution: {part}"
