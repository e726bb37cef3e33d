"""What is done to webhooks. A signing secret is told once, to whoever had it made."""

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID, uuid4

from db import deliveries, webhooks
from db.sealing import Sealed
from db.session import Writing
from db.webhooks import WebhookStatus
from resolvers.context import Context
from resolvers.delivering import PURPOSE
from resolvers.errors import InvalidInput, NotFound
from resolvers.outgoing import NotCalled
from resolvers.rules import SAID, obeying
from resolvers.signing import new_secret

LONGEST_DESCRIPTION = 255
LONGEST_GRACE = 168
"""Hours in which a secret may sign beside the one after it."""

ID = ("input", "id")


class Made(NamedTuple):
    id: UUID
    secret: str
    """Nobody can read it again."""


class Wanted(NamedTuple):
    """What a webhook is to be; None leaves what there is."""

    url: str | None = None
    events: Sequence[str] | None = None
    description: str | None = None
    status: WebhookStatus | None = None


async def create(context: Context, workspace_id: UUID, wanted: Wanted) -> Made:
    context.signed_in()
    id, secret = uuid4(), new_secret()
    with obeying(("input", "workspaceId")):
        async with context.writing() as transaction:
            checked = await _checked(context, transaction, wanted)
            await webhooks.create(
                transaction,
                id,
                workspace_id,
                description=checked.description or "",
                url=checked.url or "",
                events=checked.events or (),
                sealed=_sealed(context, workspace_id, id, secret),
            )
    return Made(id, secret)


async def update(context: Context, id: UUID, wanted: Wanted) -> None:
    context.signed_in()
    if wanted.status is WebhookStatus.FAILED:
        raise InvalidInput("Only deliveries that fail say that it failed.", ("input", "status"))
    with obeying(ID):
        async with context.writing() as transaction:
            checked = await _checked(context, transaction, wanted)
            if not await webhooks.update(transaction, id, **checked._asdict()):
                raise NotFound(SAID["webhooks_visible"], ID)


async def rotate_secret(context: Context, id: UUID, grace_hours: int) -> Made:
    """A new secret; the one before signs beside it for ``grace_hours``."""
    context.signed_in()
    if not 0 <= grace_hours <= LONGEST_GRACE:
        raise InvalidInput(
            f"Between 0 and {LONGEST_GRACE} hours both secrets sign.", ("input", "graceHours")
        )
    secret = new_secret()
    with obeying(ID):
        async with context.writing() as transaction:
            workspace_id = await webhooks.workspace_of(transaction, id)
            if workspace_id is None:
                raise NotFound(SAID["webhooks_visible"], ID)
            sealed = _sealed(context, workspace_id, id, secret)
            await webhooks.rotate(transaction, id, sealed, timedelta(hours=grace_hours))
    return Made(id, secret)


async def delete(context: Context, id: UUID) -> None:
    context.signed_in()
    async with context.writing() as transaction:
        if not await webhooks.delete(transaction, id):
            raise NotFound(SAID["webhooks_visible"], ("id",))


async def ping(context: Context, id: UUID) -> UUID:
    """Have an event without meaning delivered. The id of the delivery."""
    context.signed_in()
    with obeying(("id",)):
        async with context.writing() as transaction:
            return await webhooks.ping(transaction, id)


async def redeliver(context: Context, id: UUID) -> None:
    """Have a delivery sent again, under the same id."""
    context.signed_in()
    with obeying(("id",)):
        async with context.writing() as transaction:
            await deliveries.redeliver(transaction, id)


def _sealed(context: Context, workspace_id: UUID, id: UUID, secret: str) -> Sealed:
    sealing = context.resources.database.sealing
    return sealing.seal(PURPOSE, secret.encode(), workspace_id, id)


async def _checked(context: Context, transaction: Writing, wanted: Wanted) -> Wanted:
    if wanted.url is not None:
        try:
            context.resources.outgoing.check(wanted.url)
        except NotCalled as refused:
            raise InvalidInput(refused.message, ("input", "url")) from None
    text = wanted.description
    if text is not None and (len(text) > LONGEST_DESCRIPTION or not text.isprintable()):
        raise InvalidInput(
            f"A description is a line of at most {LONGEST_DESCRIPTION} characters.",
            ("input", "description"),
        )
    if wanted.events is None:
        return wanted
    known = await webhooks.known_events(transaction)
    if not wanted.events or not set(wanted.events) <= set(known):
        raise InvalidInput(f"Name some of these events: {', '.join(known)}.", ("input", "events"))
    return wanted._replace(events=[each for each in known if each in wanted.events])
