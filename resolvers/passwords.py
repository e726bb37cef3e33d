"""Passwords: what may be one, and Argon2id, which is slow on purpose, kept off the event loop.

A password is compared as RFC 8265 says (OpaqueString: NFC, every space the plain one), so that it
fits whatever keyboard it was typed on. Not NFKC: that makes different passwords equal.
"""

import asyncio
import secrets
import unicodedata
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import VerifyMismatchError

from resolvers.errors import InvalidInput, Refusal

T = TypeVar("T")

SHORTEST = 8
"""Characters. NIST SP 800-63B allows no fewer."""

LONGEST = 1024
"""Bytes of UTF-8. No password manager makes more, and a waiting line of them must fit in memory."""

LINE = 200
"""Passwords that may wait: about as many as are computed before a client gives up."""


class TooBusy(Refusal):
    """So many people are signing in at this moment that another one would wait too long."""

    code = "TOO_BUSY"


def check_password(password: str, path: Sequence[str] = ()) -> None:
    """Raises InvalidInput unless ``password`` may become somebody's password."""
    known = _opaque(password)
    if known is None:
        raise InvalidInput(f"The password must have at most {LONGEST} bytes of valid text.", path)
    if len(known.decode()) < SHORTEST:
        raise InvalidInput(f"The password must have at least {SHORTEST} characters.", path)
    if any(unicodedata.category(character) == "Cc" for character in known.decode()):
        raise InvalidInput("The password must not contain tabs, line ends or the like.", path)


class Passwords:
    """Argon2id, 19 MiB, two passes (OWASP), in a few threads of its own with a line of ``line``."""

    def __init__(self, *, threads: int = 2, line: int = LINE) -> None:
        self._argon2 = PasswordHasher(
            time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.ID
        )
        self._nobody = self._argon2.hash(secrets.token_bytes())
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="argon2")
        self._room = threads + line

    async def hash(self, password: str) -> str:
        """What is stored of a password that was checked. Raises TooBusy."""
        known = _opaque(password)
        if known is None:
            raise ValueError("the password was not checked")
        return await self.compute(lambda: self._argon2.hash(known))

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether ``password`` is the one whose hash is ``stored``. Raises TooBusy.

        Every answer costs the same: with None, and for what cannot be a password, nobody's hash
        is compared.
        """
        known = _opaque(password)
        fits = await self.compute(lambda: self._fits(stored or self._nobody, known or b""))
        return fits and stored is not None and known is not None

    def outdated(self, stored: str) -> bool:
        """Whether the hash was made with other parameters than are now in use."""
        return self._argon2.check_needs_rehash(stored)

    def close(self) -> None:
        """Refuse whoever still waits."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _fits(self, stored: str, password: bytes) -> bool:
        try:
            return self._argon2.verify(stored, password)
        except VerifyMismatchError:
            return False

    async def compute(self, work: Callable[[], T]) -> T:
        """What ``work`` computes, off the event loop. Raises TooBusy."""
        if self._room == 0:
            raise TooBusy("Too many people are signing in right now; try again in a few seconds.")
        self._room -= 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._room += 1


def _opaque(password: str) -> bytes | None:
    """The bytes that are hashed; None for what is too long or no text."""
    if len(password) > LONGEST:
        return None
    spaced = "".join(" " if unicodedata.category(c) == "Zs" else c for c in password)
    try:
        known = unicodedata.normalize("NFC", spaced).encode()
    except UnicodeEncodeError:
        return None
    return known if len(known) <= LONGEST else None
