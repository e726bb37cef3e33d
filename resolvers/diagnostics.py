"""What is found in a document: where, how bad, and what to do about it."""

from collections.abc import Iterator
from typing import Literal, TypeAlias

import msgspec

Severity: TypeAlias = Literal["error", "warning", "info"]

MOST_FINDINGS = 1_000
MOST_QUOTED = 80


# A place in a document, from the inside out: a pointer is only written for what is found.
Path: TypeAlias = "tuple[Path, str | int] | None"


def pointer(at: Path) -> str:
    """The place as an RFC 6901 JSON pointer."""
    keys: list[str] = []
    while at is not None:
        at, key = at
        keys.append(str(key).replace("~", "~0").replace("/", "~1"))
    return "".join(f"/{key}" for key in reversed(keys))


class Diagnostic(msgspec.Struct, frozen=True):
    """One finding. ``pointer`` is an RFC 6901 JSON pointer to a value that is in the document."""

    code: str
    message: str
    pointer: str
    severity: Severity = "error"


class Findings:
    """The findings of one look at a document; of each severity as many as can be shown."""

    def __init__(self) -> None:
        self._kept: list[Diagnostic] = []
        self._counts: dict[Severity, int] = {}

    def error(self, code: str, message: str, at: Path = None) -> None:
        """The document cannot be used until this is put right."""
        self._add(code, message, at, "error")

    def warning(self, code: str, message: str, at: Path = None) -> None:
        """The document can be used, but probably not as it was meant."""
        self._add(code, message, at, "warning")

    def info(self, code: str, message: str, at: Path = None) -> None:
        """Worth knowing; nothing to do."""
        self._add(code, message, at, "info")

    def _add(self, code: str, message: str, at: Path, severity: Severity) -> None:
        count = self._counts[severity] = self._counts.get(severity, 0) + 1
        if count <= MOST_FINDINGS:
            self._kept.append(Diagnostic(code, message, pointer(at), severity))

    def __iter__(self) -> Iterator[Diagnostic]:
        """What was found, in order; what was too much to keep is summed up at the end."""
        yield from self._kept
        for severity, count in self._counts.items():
            if count > MOST_FINDINGS:
                message = f"And {count - MOST_FINDINGS:,} more."
                yield Diagnostic("MORE_FINDINGS", message, "", severity)

    @property
    def errors(self) -> list[Diagnostic]:
        return [found for found in self if found.severity == "error"]


def quoted(text: str) -> str:
    """A client's text as it may stand in a message: in quotes and not too long."""
    return f'"{text}"' if len(text) <= MOST_QUOTED else f'"{text[:MOST_QUOTED]}…"'
