"""The one secret of an installation, and the keys that derive from it.

Every key is derived by HKDF-SHA256 for one purpose, so that no two purposes ever share one.
"""

import base64
from hashlib import sha256

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SHORTEST_KEY = 32


class Secrets:
    """Derives keys from the setting ``SECRET_KEY``.

    ``previous`` is the installation's secret before the last rotation: what was made with it is
    still accepted, but nothing new is made. Raises ValueError on a key of under 32 characters.
    """

    def __init__(self, key: str, previous: str | None = None) -> None:
        if len(key) < SHORTEST_KEY:
            raise ValueError(f"SECRET_KEY must have at least {SHORTEST_KEY} characters")
        self._key = key.encode()
        self.kid = sha256(b"kid:" + self._key).hexdigest()[:2]
        self.previous = None if previous is None or previous == key else Secrets(previous)
        if self.previous and self.previous.kid == self.kid:
            raise ValueError("SECRET_KEY has the key id of SECRET_KEY_PREVIOUS; make another")

    def derive(self, purpose: str) -> bytes:
        """32 bytes that only ``purpose`` uses."""
        return HKDF(SHA256(), length=32, salt=None, info=purpose.encode()).derive(self._key)

    def password(self, login: str) -> str:
        """The password of a database login, e.g. ``mcp_api``."""
        return base64.urlsafe_b64encode(self.derive(f"login:{login}")).decode().rstrip("=")

    def known(self) -> "list[Secrets]":
        """These secrets and the previous ones, newest first."""
        return [self, *(self.previous.known() if self.previous else ())]
