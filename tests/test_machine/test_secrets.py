"""Known secrets are planted in a running server by every way that takes one, and then looked for in
all that it answered, logged, stored and told others: they are nowhere.

To look for more: add them to ``PLANTED``, and what takes them to ``OPERATIONS``.
"""

# ruff: noqa: ASYNC221, ASYNC240, S603, S607

import asyncio
import base64
import json
import re
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import asyncpg
import httpx
import pytest

from db.embedded import LOG, embedded
from tests.listening import Listening, listening

if TYPE_CHECKING:
    from asyncpg import Connection, Record

Data = dict[str, Any]

PLANTED = {
    "password": "planted Passw0rd of Ada",
    "api key": "sk-planted-3JQ9fL2mXw7Tz",
    "api key in a document": "sk-planted-literal-9Qm2",
    "api key that is refused": "sk-planted-refused-77Xy",
    "api key of a bad request": "sk-planted-bad-Hh4Kd81",
    "api key after a rotation": "sk-planted-rotated-0Zt5",
    "access token": "ya29.planted-access-token",
    "refresh token": "1//planted-refresh-token",
    "basic password": "planted:basic/password+x",
    "custom value": "-----BEGIN KEY-----\nplantedMIIEvQIBADANBg\n-----END KEY-----",
}
"""What nobody may ever see again."""

PATH = "T0PLANTED/B0PLANTED/a-path-that-is-a-secret"
"""Of an address: admins see it again, nobody else, and no log has it."""

ERRORS = "errors { code message path }"
INTEGRATION = "integration { databaseId serviceName status testResult }"
WEBHOOK = "webhook { databaseId url events status }"
READY_WITHIN, DELIVERED_WITHIN = 60, 30

LOG_EVERYTHING = {
    "log_statement": "'all'",
    "log_min_duration_statement": "0",
    "log_min_error_statement": "'info'",
    "log_min_messages": "'info'",
    "log_error_verbosity": "'verbose'",
    "log_parameter_max_length": "-1",
    "log_parameter_max_length_on_error": "-1",
    "log_duration": "on",
}


@dataclass
class Platform:
    """A server, who asks it, and everything that it has said."""

    address: str
    outside: str
    superuser: "Connection[Record]"
    log: list[str]
    answers: list[str] = field(default_factory=list[str])
    made: list[str] = field(default_factory=list[str])
    """Secrets that it made, each told in one answer."""
    known: dict[str, str] = field(default_factory=dict[str, str])
    token: str | None = None

    async def __call__(self, query: str, **variables: Any) -> Data:
        """The response, kept without the secrets that it is there to tell."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        async with httpx.AsyncClient(timeout=30) as client:
            answer = await client.post(
                f"{self.address}/graphql",
                json={"query": query, "variables": variables},
                headers=headers,
            )
        text = answer.text
        for secret in re.findall(r'"(?:signingSecret|accessToken|refreshToken)":"([^"]+)"', text):
            self.made.append(secret)
            text = text.replace(secret, "")
        self.answers.append(text)
        return answer.json()

    async def done(self, query: str, **variables: Any) -> Data:
        """The payload of a mutation that succeeds."""
        response = await self(query, **variables)
        (payload,) = response["data"].values()
        assert payload["errors"] == [], payload["errors"]
        return payload

    async def refused(self, query: str, **variables: Any) -> None:
        response = await self(query, **variables)
        data: Data = response.get("data") or {}
        assert response.get("errors") or all(each["errors"] for each in data.values()), response

    async def connected(self, **given: Any) -> str:
        made = await self.done(CREATE, input=integration(self, **given))
        return made["integration"]["databaseId"]


def integration(platform: Platform, **given: Any) -> Data:
    return {
        "workspaceId": platform.known["workspace"],
        "serviceName": "weather",
        "serviceType": "api_key",
        "accountName": str(len(platform.answers)),
        "testUrl": f"{platform.outside}/{PATH}",
        "credentials": {"apiKey": PLANTED["api key"]},
        **given,
    }


def mutation(name: str, input_type: str, fields: str) -> str:
    return f"mutation ($input: {input_type}!) {{ {name}(input: $input) {{ {ERRORS} {fields} }} }}"


CREATE = mutation("createIntegration", "CreateIntegrationInput", INTEGRATION)
UPDATE = mutation("updateIntegration", "UpdateIntegrationInput", INTEGRATION)
ROTATE = mutation("rotateIntegrationCredentials", "RotateIntegrationCredentialsInput", INTEGRATION)
SET_STATUS = mutation("setIntegrationStatus", "SetIntegrationStatusInput", INTEGRATION)
DELETE = mutation("deleteIntegration", "DeleteIntegrationInput", "deletedId")
TEST = f"mutation ($id: ID!) {{ testIntegration(id: $id) {{ {ERRORS} {INTEGRATION} }} }}"
CREATE_WEBHOOK = mutation("createWebhook", "CreateWebhookInput", f"signingSecret {WEBHOOK}")
UPDATE_WEBHOOK = mutation("updateWebhook", "UpdateWebhookInput", WEBHOOK)
ROTATE_WEBHOOK = mutation(
    "rotateWebhookSecret", "RotateWebhookSecretInput", f"signingSecret {WEBHOOK}"
)
PING = f"mutation ($id: ID!) {{ pingWebhook(id: $id) {{ {ERRORS} delivery {{ databaseId }} }} }}"
REDELIVER = f"mutation ($id: ID!) {{ redeliverWebhook(id: $id) {{ {ERRORS} }} }}"
DELETE_WEBHOOK = f"mutation ($id: ID!) {{ deleteWebhook(id: $id) {{ {ERRORS} }} }}"
SIGN_UP = mutation("signUp", "SignUpInput", "")
SIGN_IN = mutation("signIn", "SignInInput", "accessToken refreshToken")
LITERAL = """
mutation {
  createIntegration(input: {workspaceId: "%s", serviceName: "weather", serviceType: "api_key",
    accountName: "literal", credentials: {apiKey: "%s"}}) { errors { code } }
}
"""
READ = """
query ($id: ID!) {
  workspace(id: $id) {
    integrations { nodes { serviceName serviceType accountName testResult testUrl } }
    auditLogs(first: 200) { nodes { action details } }
    webhooks { nodes { description deliveries(first: 200) { nodes { payload error status } } } }
  }
}
"""


# What is done


async def sign_in(platform: Platform) -> None:
    person = {"email": "ada@example.org", "password": PLANTED["password"]}
    await platform.done(SIGN_UP, input={**person, "name": "Ada"})
    await platform.refused(SIGN_UP, input=person)
    platform.token = (await platform.done(SIGN_IN, input=person))["accessToken"]
    await platform.refused(SIGN_IN, input={**person, "email": "nobody@example.org"})
    found = await platform("{ workspaces { nodes { databaseId } } }")
    platform.known["workspace"] = found["data"]["workspaces"]["nodes"][0]["databaseId"]


async def listen(platform: Platform) -> None:
    events = await platform.superuser.fetchval("SELECT app.known_events()")
    made = await platform.done(
        CREATE_WEBHOOK,
        input={
            "workspaceId": platform.known["workspace"],
            "url": f"{platform.outside}/{PATH}",
            "events": events,
            "description": "Told of everything",
        },
    )
    platform.known["webhook"] = made["webhook"]["databaseId"]


async def connect_in_every_way(platform: Platform) -> None:
    shown: dict[str, Data] = {
        "api_key": {"apiKey": PLANTED["api key"]},
        "oauth2": {
            "accessToken": PLANTED["access token"],
            "refreshToken": PLANTED["refresh token"],
        },
        "basic": {"username": "ada", "password": PLANTED["basic password"]},
        "custom": {"key": PLANTED["custom value"]},
    }
    for service_type, given in shown.items():
        id = await platform.connected(serviceType=service_type, credentials=given)
        platform.known[service_type] = id
    literal = LITERAL % (platform.known["workspace"], PLANTED["api key in a document"])
    await platform(literal)
    for broken in (
        literal.replace("input: {", "input "),
        literal.replace("credentials: {apiKey:", ""),
        literal.replace('serviceName: "weather",', ""),
        literal.replace("credentials: {", "scopes: {"),
    ):
        await platform.refused(broken)


async def connect_in_bad_ways(platform: Platform) -> None:
    key = PLANTED["api key of a bad request"]
    for given in (
        {"serviceType": "basic", "credentials": {"apiKey": key}},
        {"credentials": {"apiKey": [key]}},
        {"credentials": {"apiKey": f"{key}\r\nX: y"}},
        {"credentials": key},
        {"serviceName": ""},
        {"serviceName": None},
        {"scopes": 7},
        {"unknown": True},
        {"workspaceId": "nonsense"},
    ):
        credentials = {"credentials": {"apiKey": key}}
        await platform.refused(CREATE, input=integration(platform, **{**credentials, **given}))
    complete = integration(platform, credentials={"apiKey": key})
    for name in ("workspaceId", "serviceName", "serviceType"):
        await platform.refused(
            CREATE, input={field: complete[field] for field in complete if field != name}
        )


async def try_connections(platform: Platform) -> None:
    refused = {"apiKey": PLANTED["api key that is refused"]}
    platform.known["refused"] = await platform.connected(
        credentials=refused, testUrl=f"{platform.outside}/{PATH}/refuse"
    )
    for name in ("api_key", "oauth2", "basic", "refused"):
        await platform.done(TEST, id=platform.known[name])
    await platform.refused(TEST, id=platform.known["custom"])


async def change_connections(platform: Platform) -> None:
    id = platform.known["api_key"]
    rotated = {"apiKey": PLANTED["api key after a rotation"]}
    await platform.done(ROTATE, input={"id": id, "credentials": rotated})
    await platform.refused(
        ROTATE, input={"id": id, "credentials": rotated, "serviceType": "basic"}
    )
    await platform.done(UPDATE, input={"id": id, "accountName": "new", "scopes": ["x"]})
    await platform.refused(UPDATE, input={"id": id, "serviceType": "basic"})
    for status in ("INACTIVE", "ACTIVE"):
        await platform.done(SET_STATUS, input={"id": id, "status": status})
    await platform.done(TEST, id=id)
    await platform.done(DELETE, input={"id": platform.known["custom"]})


async def change_webhooks(platform: Platform) -> None:
    id = platform.known["webhook"]
    await platform.done(UPDATE_WEBHOOK, input={"id": id, "description": "New"})
    for grace in (24, 0):
        await platform.done(ROTATE_WEBHOOK, input={"id": id, "graceHours": grace})
    pinged = await platform.done(PING, id=id)
    await delivered(platform, pinged["delivery"]["databaseId"])
    await platform.done(REDELIVER, id=pinged["delivery"]["databaseId"])
    other = await platform.done(
        CREATE_WEBHOOK,
        input={
            "workspaceId": platform.known["workspace"],
            "url": f"https://localhost/{PATH}",
            "events": ["execution.ended"],
        },
    )
    failing = await platform.done(PING, id=other["webhook"]["databaseId"])
    await delivered(platform, failing["delivery"]["databaseId"], "attempts > 0")
    await platform.done(DELETE_WEBHOOK, id=other["webhook"]["databaseId"])


async def break_statements(platform: Platform) -> None:
    """What fails in the database is in its log with the statement."""
    id = platform.known["api_key"]
    await platform.refused(
        CREATE, input=integration(platform, accountName="new", serviceName="weather")
    )
    await platform.refused(UPDATE, input={"id": id, "accountName": "\u0000"})


async def read_everything(platform: Platform) -> None:
    response = await platform(READ, id=platform.known["workspace"])
    assert "errors" not in response


OPERATIONS: list[Callable[[Platform], Awaitable[None]]] = [
    sign_in,
    listen,
    connect_in_every_way,
    connect_in_bad_ways,
    try_connections,
    change_connections,
    change_webhooks,
    break_statements,
    read_everything,
]
"""What is done, in this order."""


async def delivered(platform: Platform, delivery: str, state: str = "status = 'delivered'") -> None:
    async with asyncio.timeout(DELIVERED_WITHIN):
        until = f"SELECT EXISTS (SELECT FROM webhook_deliveries WHERE id = $1::uuid AND {state})"
        while not await platform.superuser.fetchval(until, delivery):
            await platform.superuser.execute("SELECT pg_sleep(0.1)")


# Where it is done


@asynccontextmanager
async def serving(data: Path, bare: dict[str, str]) -> AsyncGenerator[tuple[str, list[str]]]:
    """The address of a server, and its log as it grows."""
    log, ready = list[str](), asyncio.Event()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "graphql_api", "serve", "--port", "0", "--data", str(data)),
        "--no-demo",
        env=bare | {"LOG_LEVEL": "debug", "OUTGOING_NETWORKS": "127.0.0.0/8"},
        cwd="/",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )

    async def read() -> None:
        assert process.stderr
        async for line in process.stderr:
            log.append(line.decode())
            if "Ctrl-C" in log[-1]:
                ready.set()
        ready.set()

    reading = asyncio.create_task(read())
    try:
        await asyncio.wait_for(ready.wait(), READY_WITHIN)
        found = re.search(r"http://[^/\s]+", "".join(log))
        assert found, log
        yield found[0], log
    finally:
        if process.returncode is None:
            process.terminate()
        await reading
        await process.wait()


@pytest.fixture(scope="module")
async def used(made: Path, bare: dict[str, str]) -> AsyncGenerator["Used"]:
    """A server on which everything was done, and who was told of it: once for all the tests."""

    async def echo(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers with all that it was sent, and refuses where its address says so."""
        head = told.requests[-1].replace(b"\r\n", b" ")
        status = b"401 Unauthorized" if b"/refuse" in head else b"200 OK"
        writer.write(b"HTTP/1.1 %s\r\nX-Echo: %s\r\n" % (status, head))
        writer.write(b"Content-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(head), head))
        await writer.drain()

    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        data = Path(name) / "data"
        subprocess.run(["cp", "-a", made, data], check=True)
        async with (
            listening(echo) as told,
            serving(data, bare) as (address, log),
            embedded(data, log.append, share=True) as url,
        ):
            superuser: Connection[Record] = await asyncpg.connect(url)
            for setting, value in LOG_EVERYTHING.items():
                await superuser.execute(f"ALTER SYSTEM SET {setting} = {value}")
            await superuser.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
            await superuser.execute("SELECT pg_reload_conf()")
            platform = Platform(address, f"http://127.0.0.1:{told.port}", superuser, log)
            for operation in OPERATIONS:
                await operation(platform)
            yield platform, told, data
            await superuser.close()


# Where it is looked for


def forms(secret: str) -> Iterator[str]:
    """How a secret can be written."""
    raw = secret.encode()
    yield secret
    yield json.dumps(secret)[1:-1]
    yield raw.hex()
    yield quote(secret)
    yield base64.b64encode(raw).decode().rstrip("=")


def hidden(platform: Platform) -> dict[str, str]:
    return {**PLANTED, **{f"made {n}": made for n, made in enumerate(platform.made)}}


def found_in(text: str, secrets: dict[str, str]) -> list[str]:
    return [name for name, secret in secrets.items() if any(f in text for f in forms(secret))]


Used = tuple[Platform, Listening, Path]


def test_a_secret_that_is_shown_would_be_found(used: Used) -> None:
    platform, told, _ = used
    sent = b"".join(told.requests).decode()

    assert {"api key", "access token", "api key that is refused"} <= set(found_in(sent, PLANTED))
    assert len(platform.made) >= 5
    assert found_in(f"x{PLANTED['custom value'].encode().hex()}", PLANTED) == ["custom value"]


def test_no_secret_is_in_an_answer(used: Used) -> None:
    platform, _, _ = used

    assert len(platform.answers) > 40
    for answer in platform.answers:
        assert found_in(answer, hidden(platform)) == [], answer


def test_no_secret_is_in_the_log(used: Used) -> None:
    platform, _, _ = used
    log = "".join(platform.log)

    assert "/graphql" in log
    assert found_in(log, {**hidden(platform), "path": PATH}) == []


def test_no_secret_is_in_the_log_of_the_database(used: Used) -> None:
    platform, _, data = used
    log = (data / LOG).read_text(encoding="utf-8", errors="replace")

    assert "app.rotate_credentials" in log
    assert "duplicate key" in log
    assert found_in(log, {**hidden(platform), "path": PATH}) == []


async def test_no_secret_is_in_the_statistics_of_statements(used: Used) -> None:
    platform, _, _ = used
    rows = await platform.superuser.fetch("SELECT query FROM pg_stat_statements")
    statements = "\n".join(row["query"] for row in rows)

    assert "INSERT INTO integrations" in statements
    assert found_in(statements, {**hidden(platform), "path": PATH}) == []


async def test_no_secret_is_in_any_table(used: Used) -> None:
    platform, _, _ = used
    tables = await platform.superuser.fetch(
        "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables"
        " WHERE schemaname IN ('public', 'secret', 'ops')"
    )
    found: dict[str, list[str]] = {}
    for table in tables:
        rows = await platform.superuser.fetch(f"SELECT t::text FROM {table['name']} t")
        found[table["name"]] = found_in("\n".join(row[0] for row in rows), hidden(platform))

    assert len(tables) > 20
    assert {table: names for table, names in found.items() if names} == {}


async def test_neither_secrets_nor_addresses_are_in_the_audit_log(used: Used) -> None:
    platform, _, _ = used
    rows = await platform.superuser.fetch("SELECT a::text FROM audit_logs a")
    webhooks = [row[0] for row in rows if "webhook" in row[0]]

    assert webhooks
    assert found_in("\n".join(row[0] for row in rows), hidden(platform)) == []
    assert found_in("\n".join(webhooks), {"path": PATH}) == []


def test_no_secret_is_told_to_a_webhook(used: Used) -> None:
    platform, told, _ = used
    bodies = b"\n".join(told.bodies).decode()

    assert '"integration.created"' in bodies
    assert found_in(bodies, hidden(platform)) == []
