"""A server that is asked, with all that it answered, and every secret that it was sent or told."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

import httpx

if TYPE_CHECKING:
    from pathlib import Path

    from asyncpg import Connection, Record

    from tests.mailbox import Mailbox
    from tests.test_machine.planting.sign_in import Echoing

Data = dict[str, Any]

PATH = "T0PLANTED/B0PLANTED/a-path-that-is-a-secret"
"""Of an address: admins see it again, nobody else, and no log has it."""

TAKEN = frozenset(
    {
        *("password", "currentPassword", "credentials", "token", "refreshToken", "challenge"),
        *("code", "recoveryCode", "flow", "state"),
    }
)
"""The inputs that are secrets, by name."""

SHOWN = frozenset(
    {
        *("accessToken", "refreshToken", "challenge", "secret", "uri", "recoveryCodes", "key"),
        *("signingSecret", "flow", "authorizationUrl"),
    }
)
"""The fields that show a secret, once."""

REVEALED = frozenset({"originals"})
"""The fields that show what others hide, whenever they are asked."""

OPEN = frozenset({"username", "header"})
"""What is no secret in credentials."""

SHORT, WIDE = 8, 16
"""Characters that stand by chance in any log; those of which also a part is found in base64."""


@dataclass
class Platform:
    client: httpx.AsyncClient
    outside: str
    superuser: "Connection[Record]"
    log: list[str]
    data: "Path"
    database: str
    """Its superuser's URL."""
    mailbox: "Mailbox"
    issuer: "Echoing"
    answers: list[str] = field(default_factory=list[str])
    secrets: dict[str, str] = field(default_factory=dict[str, str])
    """What to look for, and what it is."""
    kinds: set[str] = field(default_factory=set[str])
    revealed: list[str] = field(default_factory=list[str])
    known: dict[str, str] = field(default_factory=dict[str, str])
    succeeded: set[str] = field(default_factory=set[str])
    """The mutations."""
    token: str | None = None

    async def post(self, query: str, variables: Data, token: str | None) -> Data:
        """The response, kept without the secrets that it is there to show."""
        given = list(taken(variables))
        self.secrets.update(given)
        self.kinds.update(what for _, what in given)
        headers = dict[str, str]()
        if token:
            headers["Authorization"] = f"Bearer {token}"
            self.secrets[token] = "sent as a header"
        body = json.dumps({"query": query, "variables": variables})
        headers["Content-Type"] = "application/json"
        answer = await self.client.post("/graphql", content=body, headers=headers)
        response: Data = answer.json()
        kept = json.dumps(self.without_what_is_shown(response), ensure_ascii=False)
        self.answers.append(f"{answer.headers} {kept}")
        data: Data = response.get("data") or {}
        for name, payload in data.items():
            if isinstance(payload, dict) and cast("Data", payload).get("errors") == []:
                self.succeeded.add(name)
        return response

    def without_what_is_shown(self, said: Any, name: str = "") -> Any:
        if name in REVEALED and said:
            self.revealed.append(json.dumps(said, ensure_ascii=False))
            return "revealed"
        if name in SHOWN and said:
            self.secrets.update((each, f"shown as {name}") for each in leaves(said))
            self.kinds.add(f"shown as {name}")
            return "shown"
        match said:
            case dict():
                items = cast("Data", said).items()
                return {key: self.without_what_is_shown(each, key) for key, each in items}
            case list():
                return [self.without_what_is_shown(each, name) for each in cast("list[Any]", said)]
            case _:
                return said

    async def __call__(self, query: str, **variables: Any) -> Data:
        return await self.post(query, variables, self.token)

    async def done(self, query: str, **variables: Any) -> Data:
        """The payload of a mutation that succeeds."""
        response = await self(query, **variables)
        assert "errors" not in response, response
        (payload,) = response["data"].values()
        assert payload["errors"] == [], payload["errors"]
        return payload

    async def refused(self, query: str, **variables: Any) -> None:
        response = await self(query, **variables)
        data: Data = response.get("data") or {}
        assert response.get("errors") or all(each["errors"] for each in data.values()), response


def taken(given: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """The secrets among variables, and what they are."""
    if name in TAKEN:
        yield from ((each, f"sent as {name}") for each in leaves(given))
    elif isinstance(given, dict):
        for key, each in cast("Data", given).items():
            yield from taken(each, key)


def leaves(given: Any) -> Iterator[str]:
    """The texts, but for those that were spoilt: the sound ones are in them."""
    match given:
        case str() if len(given) >= 6 and "\0" not in given:
            yield given
        case dict():
            for key, each in cast("Data", given).items():
                yield from () if key in OPEN else leaves(each)
        case list():
            for each in cast("list[Any]", given):
                yield from leaves(each)
        case _:
            return


def forms(secret: str) -> set[str]:
    """How a secret can be written."""
    if len(secret) < SHORT:
        return {f'"{secret}"', f"'{secret}'", f" {secret} "}
    raw = secret.encode("utf-8", "surrogatepass")
    moved = range(3 if len(raw) >= WIDE else 1)
    return {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(json.dumps(secret))[3:-3],
        raw.hex(),
        quote(raw),
        *(base64.b64encode(bytes(n) + raw)[4 if n else 0 : -4].decode() for n in moved),
    }


def found_in(text: str, secrets: dict[str, str]) -> list[str]:
    """Those that the text tells, by what they are."""
    once = "\n".join(set(text.split("\n")))
    return [what for secret, what in secrets.items() if any(f in once for f in forms(secret))]


def mutation(name: str, input_type: str, fields: str) -> str:
    return f"mutation ($input: {input_type}!) {{ {name}(input: $input) {{ {ERRORS} {fields} }} }}"


ERRORS = "errors { code message path }"
