"""What people say of themselves, and the end of an account."""

import re
from typing import NamedTuple
from urllib.parse import urlsplit
from uuid import UUID
from zoneinfo import available_timezones

from db import accounts, sessions, users
from db.accounts import SharedRow
from db.errors import NotNow
from resolvers.accounts import checked_name
from resolvers.context import Context
from resolvers.errors import InvalidInput, NotFound, Refusal
from resolvers.proof import own_account, proven_account

LONGEST_URL = 500
LONGEST_TAG = 35

LANGUAGE_TAG = re.compile(
    r"(?P<language>[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4,8})"
    r"(?P<script>-[a-z]{4})?"
    r"(?P<region>-(?:[a-z]{2}|[0-9]{3}))?"
    r"(?P<variants>(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*)"
    r"(?P<extensions>(?:-[a-wy-z0-9](?:-[a-z0-9]{2,8})+)*)"
    r"(?:-x(?:-[a-z0-9]{1,8})+)?",
    re.IGNORECASE,
)
"""A well-formed tag (RFC 5646, 2.1), but for those that are kept for their age."""


class OwnerOfOthers(Refusal):
    """Others are members of workspaces of the account; hand those over first."""

    code = "OWNS_WORKSPACES"

    def __init__(self, workspaces: list[SharedRow]) -> None:
        names = ", ".join(each.name for each in workspaces)
        super().__init__(
            f"Others work in {names}. Hand them over, remove the members, or delete them first."
        )
        self.workspace_ids = [each.id for each in workspaces]


class Profile(NamedTuple):
    """What to change; None leaves it, and an empty ``avatar_url`` takes the picture away."""

    name: str | None = None
    avatar_url: str | None = None
    timezone: str | None = None
    locale: str | None = None


async def update(context: Context, given: Profile) -> UUID:
    """Change what is given. Whose it is. Raises InvalidInput, Unauthenticated."""
    account = await own_account(context)
    checked = Profile(
        None if given.name is None else checked_name(given.name),
        None if given.avatar_url is None else _url(given.avatar_url),
        None if given.timezone is None else _timezone(given.timezone),
        None if given.locale is None else _tag(given.locale),
    )
    async with context.writing() as transaction:
        await users.update(transaction, account.id, **checked._asdict())
    return account.id


async def end_session(context: Context, session_id: UUID) -> None:
    """End one of one's own sessions. Raises NotFound, Unauthenticated."""
    account = await own_account(context)
    resources = context.resources
    ended = await sessions.end_some(
        resources.database, account.id, context.asker.client, only=session_id
    )
    if not ended:
        raise NotFound("You have no such session, or it has ended.", ("id",))
    resources.ended.add(ended)


async def end_other_sessions(context: Context) -> int:
    """End all of one's sessions but the one that asks. How many there were."""
    account = await own_account(context)
    resources = context.resources
    ended = await sessions.end_some(
        resources.database, account.id, context.asker.client, keep=context.asker.session_id
    )
    resources.ended.add(ended)
    return len(ended)


async def delete(context: Context, password: str, code: str | None) -> None:
    """Delete the account of who asks, and the workspaces that are theirs alone.

    Raises OwnerOfOthers, and what ``proven_account`` raises.
    """
    account = await proven_account(context, password, code)
    resources = context.resources
    try:
        ended = await accounts.delete(resources.database, account.id, context.asker.client)
    except NotNow as error:
        shared = await accounts.shared_workspaces(resources.database, account.id)
        raise OwnerOfOthers(shared) from error
    resources.ended.add(ended)


def _url(url: str) -> str:
    url = url.strip()
    if not url:
        return url
    try:
        parts = urlsplit(url)
        fits = parts.scheme == "https" and bool(parts.hostname) and not parts.username
    except ValueError:
        fits = False
    if not fits or len(url) > LONGEST_URL or not url.isascii() or not url.isprintable():
        raise InvalidInput(
            f"The picture needs an https address of at most {LONGEST_URL} characters.",
            ("input", "avatarUrl"),
        )
    return url


def _timezone(name: str) -> str:
    if name not in available_timezones():
        raise InvalidInput(
            "This is no time zone of the IANA database, such as Europe/Berlin.",
            ("input", "timezone"),
        )
    return name


def _tag(tag: str) -> str:
    """The tag as it is written (RFC 5646, 2.1.1): ``zh-Hant-TW``."""
    if len(tag) > LONGEST_TAG or not LANGUAGE_TAG.fullmatch(tag):
        raise InvalidInput(
            "This is no language tag (BCP 47), such as en or pt-BR.", ("input", "locale")
        )
    first, *rest = tag.lower().split("-")
    written, inside = [first], False
    for part in rest:
        inside = inside or len(part) == 1
        forms = {2: part.upper(), 4: part.title()}
        written.append(part if inside else forms.get(len(part), part))
    return "-".join(written)
