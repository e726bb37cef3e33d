"""Outside services: what credentials of each type are, and how a service is asked whether they
work."""

import base64
import json
from collections.abc import Mapping
from typing import NamedTuple

from resolvers.outgoing import Reply

MOST_VALUES = 32
LONGEST_NAME = 100
LONGEST_VALUE = 16_384


class Unfit(ValueError):
    """Credentials that cannot be those of this type; the message names no value."""


class Kind(NamedTuple):
    """A type of credentials: what they must hold, and what goes into a header."""

    required: tuple[str, ...] = ()
    in_header: tuple[str, ...] = ()


KINDS = {
    "api_key": Kind(("apiKey",), ("apiKey", "header")),
    "oauth2": Kind(("accessToken",), ("accessToken",)),
    "basic": Kind(("username", "password")),
    "custom": Kind(),
}
"""``custom`` is whatever the service takes; it cannot be tested from here."""


class Probe(NamedTuple):
    """A request that a service answers with success only to whoever has good credentials."""

    method: str
    url: str
    headers: Mapping[str, str] = {}
    key_header: str = "Authorization"
    scheme: str = "Bearer "
    says_ok: bool = False
    """It answers 200 in any case, and in its body whether it is ``ok``."""


PROBES = {
    "airtable": Probe("GET", "https://api.airtable.com/v0/meta/whoami"),
    "anthropic": Probe(
        "GET",
        "https://api.anthropic.com/v1/models",
        {"anthropic-version": "2023-06-01"},
        key_header="x-api-key",
        scheme="",
    ),
    "discord": Probe("GET", "https://discord.com/api/v10/users/@me", scheme="Bot "),
    "github": Probe(
        "GET", "https://api.github.com/user", {"Accept": "application/vnd.github+json"}
    ),
    "gitlab": Probe("GET", "https://gitlab.com/api/v4/user"),
    "google": Probe("GET", "https://www.googleapis.com/oauth2/v3/userinfo"),
    "hubspot": Probe("GET", "https://api.hubapi.com/account-info/v3/details"),
    "notion": Probe(
        "GET", "https://api.notion.com/v1/users/me", {"Notion-Version": "2022-06-28"}
    ),
    "openai": Probe("GET", "https://api.openai.com/v1/models"),
    "sendgrid": Probe("GET", "https://api.sendgrid.com/v3/scopes"),
    "slack": Probe("POST", "https://slack.com/api/auth.test", says_ok=True),
    "stripe": Probe("GET", "https://api.stripe.com/v1/balance"),
}
"""The services that are known, by the name of an integration's service."""


def check_credentials(service_type: str, credentials: Mapping[str, object]) -> dict[str, str]:
    """The credentials, which are fit to be stored. Raises Unfit."""
    kind = KINDS[service_type]
    if not 0 < len(credentials) <= MOST_VALUES:
        raise Unfit(f"Credentials have between 1 and {MOST_VALUES} values.")
    checked = {name: _text(name, value) for name, value in credentials.items()}
    missing = [name for name in kind.required if not checked.get(name, "").strip()]
    if missing:
        raise Unfit(f"Credentials of the type {service_type} need {' and '.join(missing)}.")
    for name in kind.in_header:
        if not checked.get(name, "").isprintable():
            raise Unfit(f"{name} goes into a header: it must be one line.")
    return checked


def _text(name: str, value: object) -> str:
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise Unfit(f"The name of a value has between 1 and {LONGEST_NAME} printable characters.")
    if not isinstance(value, str):
        raise Unfit("Every value of credentials is a text; write numbers in quotes.")
    if len(value) > LONGEST_VALUE:
        raise Unfit(f"A value of credentials has at most {LONGEST_VALUE} characters.")
    return value


def probe_of(service_name: str, method: str, url: str | None) -> Probe | None:
    """How to test: by the address that was entered with the credentials, or as is known."""
    return Probe(method, url) if url else PROBES.get(service_name.lower())


def signed(probe: Probe, service_type: str, credentials: Mapping[str, str]) -> dict[str, str]:
    """The headers that show the credentials."""
    return {**probe.headers, **_shown(probe, service_type, credentials)}


def _shown(probe: Probe, service_type: str, credentials: Mapping[str, str]) -> dict[str, str]:
    if service_type == "basic":
        pair = f"{credentials['username']}:{credentials['password']}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    if service_type == "oauth2":
        return {"Authorization": f"Bearer {credentials['accessToken']}"}
    own = credentials.get("header")
    if own:
        return {own: credentials["apiKey"]}
    return {probe.key_header: f"{probe.scheme}{credentials['apiKey']}"}


def works(probe: Probe, reply: Reply) -> bool:
    """Whether the service took the credentials."""
    if not reply.ok or not probe.says_ok:
        return reply.ok
    try:
        said: object = json.loads(reply.body)
    except ValueError:
        return False
    return isinstance(said, dict) and said.get("ok") is True  # pyright: ignore[reportUnknownMemberType]
