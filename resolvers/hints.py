"""Hints between processes: where something may be new to see.

A hint says that a log grew, or that a row or somebody's rights changed. It may be lost, doubled or
late without harm; whoever gets one only looks sooner than they would have.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol
from uuid import UUID

LONGEST_NOTICE = 7900
"""Bytes of a notice that every bus carries; NOTIFY of PostgreSQL has the least room."""


class Grown(NamedTuple):
    """A log has at least this many lines; ``closed`` once the execution has ended."""

    execution_id: UUID
    last_seq: int
    closed: bool = False


class Touched(NamedTuple):
    """Something about this row, or this user's or key's rights, changed."""

    id: UUID


class Rotated(NamedTuple):
    """The credentials of a workspace's integrations changed."""

    workspace_id: UUID


Hint = Grown | Touched | Rotated


class Hints(Protocol):
    """A bus that brings notices to every process."""

    async def publish(self, notices: Sequence[str]) -> None:
        """Send each. Raises Unavailable."""
        ...

    async def listen(self, heard: Callable[[str], None], ready: Callable[[], None]) -> None:
        """Hand on what comes from ``ready`` on, until the bus is lost: raises Unavailable."""
        ...


def write(hints: Sequence[Hint]) -> list[str]:
    """The hints in as few notices as hold them."""
    notices: list[str] = []
    for each in map(_text, hints):
        if notices and len(notices[-1]) + len(each) < LONGEST_NOTICE:
            notices[-1] += f",{each}"
        else:
            notices.append(each)
    return notices


def _text(hint: Hint) -> str:
    match hint:
        case Grown(execution_id, last_seq, closed):
            return f"{execution_id}:{last_seq}{'.' if closed else ''}"
        case Touched(id):
            return f"!{id}"
        case Rotated(workspace_id):
            return f"*{workspace_id}"


def read(notice: str) -> Iterator[Hint]:
    """The hints of a notice; what cannot be read is of another version, and passed over."""
    for each in notice.split(","):
        try:
            if each.startswith("!"):
                yield Touched(UUID(each[1:]))
            elif each.startswith("*"):
                yield Rotated(UUID(each[1:]))
            else:
                id, _, seq = each.partition(":")
                yield Grown(UUID(id), int(seq.rstrip(".")), seq.endswith("."))
        except ValueError:
            continue
