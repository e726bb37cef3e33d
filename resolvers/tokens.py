"""Tokens: what a signed-in client shows. Made, read and hashed here; stored by db.

An access token is a JWT (RFC 8725: algorithm, type, issuer and audience pinned) that is believed
until it expires. Refresh tokens and API keys are random; only their SHA-256 is ever stored, which
suffices for 256 random bits.
"""

import hashlib
import re
import secrets
import time
from collections import OrderedDict
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID, uuid4

import jwt

from db.secrets import Secrets
from db.uuids import read_uuid
from resolvers.errors import Unauthenticated

ALGORITHM = "HS256"
TYPE = "at+jwt"
ISSUER = AUDIENCE = "graphql-api"
CLAIMS = ["iss", "aud", "exp", "iat", "sub", "jti"]

LONGEST = 1024
"""Characters of an access token; ours have about 420. A longer one is not even decoded."""

MOST_KEPT = 10_000
"""Tokens that were verified, kept until they expire: verifying was a fifth of a small request."""

CLOCK_SKEW = 5
"""Seconds that the clocks of two machines may differ."""

API_KEY = re.compile(r"mcp_[A-Za-z0-9_-]{16,128}")
REFRESH_TOKEN = re.compile(r"mcr_[A-Za-z0-9_-]{43}")
INVITATION_TOKEN = re.compile(r"mci_[A-Za-z0-9_-]{43}")
ONE_TIME_TOKEN = re.compile(r"mct_[A-Za-z0-9_-]{43}")


class Access(NamedTuple):
    """What a good access token says."""

    user_id: UUID
    expires_at: datetime
    token_id: UUID
    session_id: UUID | None = None


class Tokens:
    """Makes access tokens that are good for ``minutes``, and reads them.

    Tokens made with the previous secret are still read: those handed out just before a rotation.
    """

    def __init__(self, known: Secrets, minutes: float = 15) -> None:
        self._keys = {each.kid: each.derive("access-token") for each in reversed(known.known())}
        self._kid, self._seconds = known.kid, round(minutes * 60)
        self._good: OrderedDict[str, Access] = OrderedDict()

    def issue(self, user_id: UUID, session_id: UUID | None = None) -> tuple[str, datetime]:
        """A new access token, good while the session goes on, and when it expires."""
        now = int(time.time())
        expiry = now + self._seconds
        claims: dict[str, str | int] = {"iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": expiry}
        if session_id:
            claims["sid"] = str(session_id)
        token = jwt.encode(
            claims | {"sub": str(user_id), "jti": str(uuid4())},
            self._keys[self._kid],
            ALGORITHM,
            headers={"typ": TYPE, "kid": self._kid},
        )
        return token, datetime.fromtimestamp(expiry, UTC)

    def read(self, token: str) -> Access:
        """What the token says. Raises Unauthenticated for whatever is not a good one of ours."""
        access = self._good.get(token)
        if access is None or access.expires_at <= datetime.now(UTC):
            access = self._good[token] = self._verified(token)
            if len(self._good) > MOST_KEPT:
                self._good.popitem(last=False)
        return access

    def _verified(self, token: str) -> Access:
        if len(token) > LONGEST:
            raise Unauthenticated("This is not an access token of this server.")
        try:
            header = jwt.get_unverified_header(token)
            claims = jwt.decode(
                token,
                self._keys[header["kid"]],
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                leeway=CLOCK_SKEW,
                options={"require": CLAIMS, "strict_aud": True},
            )
            if header["typ"] != TYPE:
                raise jwt.InvalidTokenError("another type of token")
            expires_at = datetime.fromtimestamp(claims["exp"], UTC)
            user_id, token_id = read_uuid(claims["sub"]), read_uuid(claims["jti"])
            session_id = read_uuid(claims["sid"]) if "sid" in claims else None
            return Access(user_id, expires_at, token_id, session_id)
        except jwt.ExpiredSignatureError as error:
            raise Unauthenticated("The access token has expired; refresh the session.") from error
        except (jwt.PyJWTError, LookupError, ValueError) as error:
            raise Unauthenticated("This is not an access token of this server.") from error


def new_refresh_token() -> str:
    return f"mcr_{secrets.token_urlsafe(32)}"


def new_invitation_token() -> str:
    return f"mci_{secrets.token_urlsafe(32)}"


def new_one_time_token() -> str:
    """For what goes by mail, and for what a client holds between two steps."""
    return f"mct_{secrets.token_urlsafe(32)}"


def new_api_key() -> str:
    return f"mcp_{secrets.token_urlsafe(32)}"


def shown(api_key: str) -> str:
    """The beginning of a key, by which people tell their keys apart."""
    return api_key[:12]


def digest(token: str) -> bytes:
    """What is stored of a random token or an API key: 32 bytes."""
    return hashlib.sha256(token.encode()).digest()
