"""Sealing what is stored but must not be readable in the database: AES-256-GCM.

The key derives from the installation's secret and never reaches PostgreSQL. The owners of what is
sealed are bound to it as associated data, so a row that is moved to another owner does not open.
"""

import os
from typing import NamedTuple
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from db.secrets import Secrets

FORMAT = b"\x01"
NONCE = 12
KEY_ID = 16


class NotOpened(Exception):
    """Sealed with a key that is not known, for another owner, or changed since."""


class Sealed(NamedTuple):
    """``text`` is a byte for the format, the nonce, the ciphertext and its tag."""

    text: bytes
    key_id: str


class Sealing:
    """Seals with the installation's secret; opens also what the one before it sealed."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets

    def key_id(self, purpose: str) -> str:
        """Names the key that seals for ``purpose`` now, and tells nothing of it."""
        return _key_id(self._secrets, purpose)

    def seal(self, purpose: str, plain: bytes, *owners: UUID) -> Sealed:
        key_id, nonce = self.key_id(purpose), os.urandom(NONCE)
        cipher = AESGCM(self._secrets.derive(purpose))
        sealed = cipher.encrypt(nonce, plain, _bound(purpose, key_id, owners))
        return Sealed(FORMAT + nonce + sealed, key_id)

    def open(self, purpose: str, sealed: Sealed, *owners: UUID) -> bytes:
        """Raises NotOpened."""
        text, key_id = sealed
        secrets = next(
            (each for each in self._secrets.known() if _key_id(each, purpose) == key_id), None
        )
        if secrets is None:
            raise NotOpened(f"the key {key_id} is not known here")
        if not text.startswith(FORMAT):
            raise NotOpened("the format is not known here")
        nonce, rest = text[1 : 1 + NONCE], text[1 + NONCE :]
        try:
            cipher = AESGCM(secrets.derive(purpose))
            return cipher.decrypt(nonce, rest, _bound(purpose, key_id, owners))
        except (InvalidTag, ValueError) as error:  # ValueError: too short to hold a nonce
            raise NotOpened("it was sealed for another, or changed") from error


class Box:
    """Seals for one purpose, into one piece: the key's id and what it sealed."""

    def __init__(self, sealing: Sealing, purpose: str) -> None:
        self._sealing, self._purpose = sealing, purpose

    def seal(self, plain: bytes, *owners: UUID) -> bytes:
        sealed = self._sealing.seal(self._purpose, plain, *owners)
        return sealed.key_id.encode() + sealed.text

    def open(self, sealed: bytes, *owners: UUID) -> bytes:
        """Raises NotOpened."""
        key_id = sealed[:KEY_ID].decode(errors="replace")
        return self._sealing.open(self._purpose, Sealed(sealed[KEY_ID:], key_id), *owners)


def _key_id(secrets: Secrets, purpose: str) -> str:
    return secrets.derive(f"id of the key: {purpose}").hex()[:KEY_ID]


def _bound(purpose: str, key_id: str, owners: tuple[UUID, ...]) -> bytes:
    return b"\0".join([purpose.encode(), key_id.encode(), b"".join(each.bytes for each in owners)])
