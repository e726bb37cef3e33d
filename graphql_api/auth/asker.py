"""From the ``Authorization`` of a request, or of a socket's first message, to who asks."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple, cast

from db.session import Client, Viewer
from resolvers import accounts
from resolvers.context import Asker, Resources
from resolvers.errors import Unauthenticated

EXPECTED = "Send `Authorization: Bearer …` with an access token or an API key, or send none."


class Allowance(NamedTuple):
    """How many requests an hour an API key may make, and has left until ``reset_at``."""

    limit: int
    remaining: int
    reset_at: datetime


class KeyAsker(Asker, frozen=True, kw_only=True):
    """An API key asks; this request is counted."""

    allowance: Allowance


async def asker_of(authorization: str | None, client: Client, resources: Resources) -> Asker:
    """Who shows this: a user, an API key, or nobody where there is nothing to show.

    Raises Unauthenticated for anything that is not good now, and RateLimited.
    """
    if authorization is None:
        return Asker(client=client)
    scheme, _, credential = authorization.strip().partition(" ")
    credential = credential.strip()
    if scheme.lower() != "bearer" or not credential:
        raise Unauthenticated(EXPECTED)
    if credential.startswith("mcp_"):
        key = await accounts.key_of(resources, credential)
        return KeyAsker(
            Viewer(api_key_id=key.key_id),
            client,
            allowance=Allowance(key.rate_limit, key.remaining, key.reset_at),
        )
    access = resources.tokens.read(credential)
    await resources.ended.check(resources.database, access.session_id)
    return Asker(Viewer(access.user_id), client, access.expires_at, access.session_id)


def shown_by(payload: object) -> str | None:
    """The ``authorization`` in the payload of ``connection_init``; None where it shows nothing.

    Raises Unauthenticated if it is no text.
    """
    if not isinstance(payload, Mapping):
        return None
    fields = cast("Mapping[object, object]", payload)
    shown = {name.lower(): value for name, value in fields.items() if isinstance(name, str)}.get(
        "authorization"
    )
    if shown is not None and not isinstance(shown, str):
        raise Unauthenticated(EXPECTED)
    return shown
