"""ID tokens of OpenID Connect: whose word they are, for whom, and for which flow."""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx
from joserfc import jws, jwt
from joserfc.jwk import KeySet

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]
"""Signatures by a key of the issuer's alone: never one that the client knows, and never none."""
LEEWAY = 30
"""Seconds that clocks may differ."""
PAUSE = 60.0
"""Seconds until an issuer is asked again for a key that it did not have."""


class Keys:
    """An issuer's keys, read again when a token names one that is not among them."""

    def __init__(self) -> None:
        self._found: KeySet | None = None
        self._read_at = -PAUSE

    async def known(self, http: httpx.AsyncClient, url: str, kid: str | None) -> KeySet:
        kids = {key.kid for key in self._found.keys} if self._found else set[str | None]()
        stale = time.monotonic() - self._read_at > PAUSE
        if self._found is None or (kid not in kids and stale):
            response = await http.get(url)
            self._found = KeySet.import_key_set(response.raise_for_status().json())
            self._read_at = time.monotonic()
        return self._found


async def claims_of(
    token: str,
    keys: Callable[[str | None], Awaitable[KeySet]],
    *,
    issuer: str,
    audience: str,
    nonce: str,
) -> Mapping[str, Any]:
    """The claims of a good token. Raises JoseError, ValueError or KeyError for any other."""
    kid = jws.extract_compact(token.encode()).headers().get("kid")
    decoded = jwt.decode(token, await keys(kid), algorithms=ALGORITHMS)
    jwt.JWTClaimsRegistry(
        leeway=LEEWAY,
        iss={"essential": True, "value": issuer},
        aud={"essential": True, "value": audience},
        exp={"essential": True},
        iat={"essential": True},
        sub={"essential": True},
        nonce={"essential": True, "value": nonce},
    ).validate(decoded.claims)
    claims = decoded.claims
    alone = claims["aud"] in (audience, [audience])
    if claims.get("azp", audience if alone else None) != audience:
        raise ValueError("the token is for another client")
    return claims
