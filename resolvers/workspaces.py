"""What is done to workspaces: made, changed, deleted and restored."""

import re
import secrets
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from db import workspaces
from db.errors import Taken
from resolvers.context import Context
from resolvers.errors import InvalidInput
from resolvers.rules import obeying

SLUG = re.compile("[a-z0-9](?:[a-z0-9-]{0,98}[a-z0-9])?")
LONGEST_NAME, LONGEST_DESCRIPTION = 200, 10_000
MOST_INVITATION_DAYS, MOST_KEY_DAYS = 30, 3_650
MOST_DOMAINS = 20
DOMAIN = re.compile(r"(?=.{1,253}$)[a-z0-9-]+(\.[a-z0-9-]+)+")

PATHS = {"workspaces_slug_key": ("input", "slug"), "workspaces_settings_check": ("input",)}
"""The input that each rule is about; any other is about the workspace."""


async def create(context: Context, name: str, slug: str | None, description: str | None) -> UUID:
    """A workspace of the viewer's. Without a ``slug`` one is made of the name."""
    context.signed_in()
    called, said = line(name, "name", LONGEST_NAME), _description(description)
    chosen = _slug(slug) if slug is not None else slug_of(called)
    with obeying(("input",), PATHS):
        try:
            return await _create(context, called, chosen, said)
        except Taken:
            if slug is not None:
                raise
        return await _create(context, called, f"{chosen[:60]}-{secrets.token_hex(4)}", said)


async def update(context: Context, id: UUID, change: Mapping[str, Any]) -> None:
    """``change`` holds what was given, by column; ``settings`` those that were given."""
    context.signed_in()
    kept = dict(change)
    if "name" in kept:
        kept["name"] = line(kept["name"], "name", LONGEST_NAME)
    if "slug" in kept:
        kept["slug"] = _slug(kept["slug"])
    if "description" in kept:
        kept["description"] = _description(kept["description"])
    if "settings" in kept:
        kept["settings"] = _settings(kept["settings"])
    with obeying(("input", "id"), PATHS):
        async with context.writing() as transaction:
            await workspaces.update(transaction, id, kept)


async def delete(context: Context, id: UUID) -> None:
    context.signed_in()
    with obeying(("id",)):
        async with context.writing() as transaction:
            await workspaces.delete(transaction, id)


async def restore(context: Context, id: UUID) -> None:
    context.signed_in()
    with obeying(("id",)):
        async with context.writing() as transaction:
            await workspaces.restore(transaction, id)


def slug_of(name: str) -> str:
    """A name for addresses, of what letters and digits the name has."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = "-".join(re.findall("[a-z0-9]+", plain))
    return words[:60].strip("-") or f"workspace-{secrets.token_hex(4)}"


def line(given: str | None, field: str, longest: int) -> str:
    """A line of text, trimmed. Raises InvalidInput for anything else."""
    text = unicodedata.normalize("NFC", (given or "").strip())
    if not 0 < len(text) <= longest:
        raise InvalidInput(f"It has between 1 and {longest} characters.", ("input", field))
    if not text.isprintable():
        raise InvalidInput("It is one line of text.", ("input", field))
    return text


async def _create(context: Context, name: str, slug: str, description: str | None) -> UUID:
    async with context.writing() as transaction:
        return await workspaces.create(transaction, name, slug, description)


def _slug(slug: str | None) -> str:
    if slug is None or not SLUG.fullmatch(slug):
        raise InvalidInput(
            "A slug is made of a to z, 0 to 9 and hyphens between them; at most 100.",
            ("input", "slug"),
        )
    return slug


def _description(description: str | None) -> str | None:
    if description is not None and len(description) > LONGEST_DESCRIPTION:
        raise InvalidInput(
            f"A description has at most {LONGEST_DESCRIPTION} characters.", ("input", "description")
        )
    return description


def _settings(given: Mapping[str, Any]) -> dict[str, Any]:
    _between(given, "invitation_days", "invitationDays", MOST_INVITATION_DAYS)
    _between(given, "api_key_days", "apiKeyDays", MOST_KEY_DAYS)
    kept = dict(given)
    domains: Sequence[str] | None = kept.get("invitation_domains")
    if domains is not None:
        kept["invitation_domains"] = _domains(domains) or None
    return kept


def _between(given: Mapping[str, Any], name: str, field: str, most: int) -> None:
    days = given.get(name)
    if days is not None and not 1 <= days <= most:
        raise InvalidInput(f"Between 1 and {most} days.", ("input", "settings", field))


def _domains(domains: Sequence[str]) -> list[str]:
    named = list(dict.fromkeys(domain.strip().lower() for domain in domains))
    path = ("input", "settings", "invitationDomains")
    if len(named) > MOST_DOMAINS:
        raise InvalidInput(f"At most {MOST_DOMAINS} domains.", path)
    if wrong := [domain for domain in named if not DOMAIN.fullmatch(domain)]:
        raise InvalidInput(f"{wrong[0]!r} is not a domain, such as example.org.", path)
    return named
