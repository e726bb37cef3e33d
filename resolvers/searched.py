"""Many texts that are searched at once: for what may hold a secret, to be looked at more closely.

Whatever is not found here is not looked at, so what is found may be too much and never too little.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import accumulate

ESCAPES = ("\\", "%", "+")
"""Nothing is escaped in a text without one of these."""

SHORTEST_CLEAR = 4
"""Characters of a part of a secret that is worth being looked for in its stead."""

_ESCAPED = re.compile(r"u([0-9a-f]{4})|%([0-9a-f]{2})")
_OPAQUE = re.compile(r"[^!-$&-*,-\[\]-~]|u[0-9a-f]{4}")
"""What may be written in other ways than ``unescaped`` knows, or looks like an escape itself."""
_TORN = re.compile(r"\A[0-9a-f]{1,4}|u[0-9a-f]{0,3}\Z")
"""What an escape that begins before a part, or ends behind it, may take of it."""


class Searched:
    """Texts, each found by its place.

    ``read`` is how they are read: what it makes of a text ends and begins where the text does, so
    that it reads all of them at once.
    """

    def __init__(self, texts: Sequence[str], read: Callable[[str], str] = str) -> None:
        self._texts, self._read, self._joined = texts, read, read("\0".join(texts))

    @cached_property
    def _starts(self) -> list[int]:
        return list(accumulate((len(self._read(each)) + 1 for each in self._texts), initial=0))

    def places(self, part: str) -> Iterator[int]:
        """The texts that have this part."""
        joined, starts = self._joined, self._starts
        found = joined.find(part)
        while found >= 0:
            place = bisect_right(starts, found) - 1
            yield place
            found = joined.find(part, starts[place + 1])

    def having(self, parts: Iterable[str]) -> set[int]:
        """The texts that have any of these parts."""
        joined, found = self._joined, set[int]()
        for part in parts:
            # A single character is found, or not, many times sooner than several.
            if part[-1:] in joined and part in joined:
                found.update(self.places(part))
        return found


def squeezed(text: str) -> str:
    """In small letters, without ``-`` and ``_``."""
    return text.lower().replace("-", "").replace("_", "")


def unescaped(text: str) -> str:
    """In small letters, without backslashes, and with the ASCII that \\u0041 and %41 stand for."""
    return _ESCAPED.sub(_read, text.lower().replace("\\", ""))


def clear_part(secret: str) -> str | None:
    """What is in ``unescaped(text)`` wherever ``text`` has the secret, however it is escaped there.

    None where there is no such part; then only looking at the whole text can tell.
    """
    parts = (_TORN.sub("", part) for part in _OPAQUE.split(secret.lower().replace("\\", "")))
    longest = max(parts, key=len)
    return longest if len(longest) >= SHORTEST_CLEAR else None


def _read(escape: re.Match[str]) -> str:
    code = int(escape[1] or escape[2], 16)
    if code == ord("\\"):
        return ""
    return chr(code).lower() if code < 128 else "\0"  # noqa: PLR2004 # more is never looked for
