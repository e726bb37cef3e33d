"""Identities: whom a provider's word signs in, and which account it is linked to.

An identity opens the account that it is linked to. One that is linked to none is linked to the
account of its address only where both sides have proven the address: where somebody opened an
account with another's address, nobody else is let in beside them.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

import msgspec

from db import accounts, identities
from db.errors import NotNow, NotThere
from db.sealing import Box, NotOpened
from db.session import Client
from resolvers import allowances, letters
from resolvers.accounts import SignedIn, begin, checked_address, open_workspace
from resolvers.context import Context, Resources
from resolvers.errors import Conflict, NotFound, Refusal
from resolvers.oauth import FLOW_SECONDS, Flow, OAuthFailed, Someone
from resolvers.proof import own_account
from resolvers.tokens import digest

FLOW_LIFE = timedelta(seconds=FLOW_SECONDS)
LONGEST_FLOW, LONGEST_CODE = 4096, 4096


class EmailNotProven(Refusal):
    """The provider knows no address that we may believe to be the person's."""

    code = "EMAIL_NOT_PROVEN"


class LinkRequired(Refusal):
    """There is an account with the address, but nobody has shown there that it is theirs."""

    code = "LINK_REQUIRED"


class LastWayIn(Refusal):
    """Without this identity nobody could sign in to the account any more."""

    code = "LAST_WAY_IN"


class Started(NamedTuple):
    """Where to send the browser; what it keeps, to show it when it comes back."""

    url: str
    flow: str


async def begin_flow(
    context: Context, provider: str, redirect_uri: str, *, link: bool
) -> Started:
    """Begin to sign in or, with ``link``, to add a way in to one's own account.

    Raises InvalidInput, OAuthFailed, RateLimited, Unauthenticated.
    """
    resources = context.resources
    link_to = (await own_account(context)).id if link else None
    await allowances.spend(resources, allowances.new_flow(context.asker.client))
    begun = await resources.providers.begin(provider, redirect_uri, link_to)
    sealed = _box(resources).seal(msgspec.json.encode(begun.flow))
    token = urlsafe_b64encode(sealed).decode()
    async with resources.database.signing_in() as transaction:
        await accounts.make_token(transaction, digest(token), "oauth", FLOW_LIFE)
    return Started(begun.url, token)


async def complete_flow(
    resources: Resources, client: Client, flow: str, code: str, state: str
) -> SignedIn:
    """Sign in whoever the provider says it is; a new account where there is none.

    Raises OAuthFailed, EmailNotProven, LinkRequired, SecondFactorRequired.
    """
    known = await _taken(resources, flow)
    if known.link_to is not None:
        raise OAuthFailed("This flow links an identity: end it with linkOAuth.")
    someone = await _someone(resources, known, code, state)
    found = await identities.find(resources.database, known.provider, someone.subject)
    if found is None:
        found = await _by_address(resources, client, known.provider, someone)
    return await begin(
        resources, client, found.user_id, known.provider, second_factor=found.mfa_enabled
    )


async def link(context: Context, flow: str, code: str, state: str) -> UUID:
    """Link whoever the provider says it is to one's own account. Whose it is.

    Raises Conflict, OAuthFailed, Unauthenticated.
    """
    resources = context.resources
    account = await own_account(context)
    known = await _taken(resources, flow)
    if known.link_to != account.id:
        raise OAuthFailed("This flow was not begun by you to link an identity; begin anew.")
    someone = await _someone(resources, known, code, state)
    linked = await identities.link(
        resources.database,
        account.id,
        context.asker.client,
        provider=known.provider,
        subject=someone.subject,
        email=someone.email,
    )
    if not linked:
        raise Conflict("This identity is linked to another account.")
    await letters.tell(resources, account.email, letters.LINKED)
    return account.id


async def unlink(context: Context, identity_id: UUID) -> UUID:
    """Take a way in away, but never the last. Raises LastWayIn, NotFound, Unauthenticated."""
    account = await own_account(context)
    try:
        await identities.unlink(
            context.resources.database, account.id, identity_id, context.asker.client
        )
    except NotThere as error:
        raise NotFound("You have no such identity.", ("id",)) from error
    except NotNow as error:
        raise LastWayIn(
            "Without it you could not sign in any more: set a password first.", ("id",)
        ) from error
    return account.id


async def _taken(resources: Resources, token: str) -> Flow:
    """The flow, which can be ended once."""
    try:
        if len(token) > LONGEST_FLOW:
            raise ValueError("too long")
        sealed = urlsafe_b64decode(token.encode("ascii"))
        flow = msgspec.json.decode(_box(resources).open(sealed), type=Flow)
    except (ValueError, NotOpened) as error:
        raise OAuthFailed("This is no flow that was begun here; begin anew.") from error
    async with resources.database.signing_in() as transaction:
        taken = await accounts.take_token(transaction, digest(token), "oauth")
    if taken is None:
        raise OAuthFailed("This flow was ended before, or took too long; begin anew.")
    return flow


async def _someone(resources: Resources, flow: Flow, code: str, state: str) -> Someone:
    if len(code) > LONGEST_CODE or not code.isascii() or not state.isascii():
        raise OAuthFailed("The code or the state is not what the provider sent; begin anew.")
    return await resources.providers.complete(flow, code, state)


async def _by_address(
    resources: Resources, client: Client, provider: str, someone: Someone
) -> identities.IdentifiedRow:
    """The account of the address that both sides have proven; a new one where there is none."""
    if someone.email is None:
        raise EmailNotProven(
            f"{provider} says of no e-mail address that it is yours. Sign in otherwise, then link"
            " it."
        )
    address, database = checked_address(someone.email), resources.database
    person = _person(someone.name, address)
    async with database.signing_in(client) as transaction:
        made = await identities.register(transaction, address, person, provider, someone.subject)
    if made is not None:
        await open_workspace(resources, client, made, person)
        return identities.IdentifiedRow(made, False)
    known = await accounts.find_sign_in(database, address)
    if known is None or not known.email_verified:
        raise LinkRequired(
            "There is an account with this address, which is not verified: sign in to it by"
            " password, or choose a new one by requestPasswordReset, and link it then."
        )
    linked = await identities.link(
        database,
        known.id,
        client,
        provider=provider,
        subject=someone.subject,
        email=address,
    )
    if not linked:
        raise Conflict("This identity was linked to another account just now; sign in again.")
    await letters.tell(resources, address, letters.LINKED)
    return identities.IdentifiedRow(known.id, known.mfa_enabled)


def _person(name: str | None, address: str) -> str:
    """What the provider calls somebody, as far as a name may be so."""
    line = "".join(each for each in name or "" if each.isprintable()).strip()[:200].strip()
    return line or address.partition("@")[0]


def _box(resources: Resources) -> Box:
    return Box(resources.database.sealing, "oauth flow")
