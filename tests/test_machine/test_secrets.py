"""Known secrets are planted in a running server by every way that takes one, and then looked for in
all that it answered, logged, stored and told others: they are nowhere.

What is done is in ``planting``: every mutation that has a right is by itself, also wrongly and
where the database refuses; what takes more is added to an ``OPERATIONS`` there.
"""

# ruff: noqa: ASYNC221, ASYNC240, S603, S607

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import asyncpg
import httpx
import pytest
from graphql import GraphQLInputObjectType, GraphQLObjectType

from db.embedded import LOG, embedded
from graphql_api.schema import schema
from tests import sample
from tests.graphql_api.rights.table import MUTATIONS
from tests.graphql_api.sign_in.providers import CLIENT_SECRET
from tests.graphql_api.wires import serving as serving_app
from tests.listening import Listening, listening
from tests.mailbox import PUBLIC_URL, SENDER, receiving
from tests.test_machine.planting import connections, mutations, runs, sign_in
from tests.test_machine.planting.asked import PATH, REVEALED, SHOWN, TAKEN, Platform, found_in
from tests.test_machine.planting.connections import PLANTED
from tests.test_machine.planting.sign_in import REDIRECT_URI, Echoing

if TYPE_CHECKING:
    from asyncpg import Connection, Record

OPERATIONS = [
    *connections.BEFORE,
    *runs.OPERATIONS,
    *connections.AFTER,
    *sign_in.OPERATIONS,
    *mutations.OPERATIONS,
]
"""What is done, in this order."""

READY_WITHIN = 60

SOUNDS_SECRET = re.compile(
    r"secret|password|token|code|credential|challenge|(^|y)key$", re.IGNORECASE
)
NO_SECRETS = {
    *("apiKey", "runtimeKey", "requestPasswordReset", "resetPassword", "changePassword"),
    *("replaceRecoveryCodes", "createApiKey", "updateApiKey", "rotateApiKey", "revokeApiKey"),
    *("activateApiKey", "deactivateApiKey", "rotateIntegrationCredentials"),
    *("rotateWebhookSecret",),
}
"""Names that only sound so."""

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


KNOWN = {
    **PLANTED,
    "client secret": CLIENT_SECRET,
}
"""What is known before anything is asked."""

# Where it is done


@asynccontextmanager
async def serving(
    data: Path, bare: dict[str, str], **settings: str
) -> AsyncGenerator[tuple[str, list[str]]]:
    """The address of a server, and its log as it grows."""
    log, ready = list[str](), asyncio.Event()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "graphql_api", "serve", "--port", "0", "--data", str(data)),
        "--no-demo",
        env=bare | {"LOG_LEVEL": "debug", "OUTGOING_NETWORKS": "127.0.0.0/8"} | settings,
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


@asynccontextmanager
async def company() -> AsyncGenerator[Echoing]:
    issuer = Echoing()
    async with serving_app(issuer.app()) as address:
        issuer.url = f"http://{address}"
        yield issuer


def told_to_the_server(smtp_url: str, issuer: Echoing) -> dict[str, str]:
    return {
        "SMTP_URL": smtp_url,
        "MAIL_FROM": SENDER,
        "PUBLIC_URL": PUBLIC_URL,
        "REQUIRE_VERIFIED_EMAIL": "false",
        "OAUTH_PROVIDERS": issuer.setting(),
        "OAUTH_REDIRECT_URIS": REDIRECT_URI,
    }


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
            receiving() as mailbox,
            company() as issuer,
            serving(data, bare, **told_to_the_server(mailbox.url, issuer)) as (address, log),
            embedded(data, log.append, share=True) as url,
            httpx.AsyncClient(base_url=address, timeout=30) as client,
        ):
            superuser: Connection[Record] = await asyncpg.connect(url)
            for setting, value in LOG_EVERYTHING.items():
                await superuser.execute(f"ALTER SYSTEM SET {setting} = {value}")
            await superuser.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
            await superuser.execute("SELECT pg_reload_conf()")
            outside = f"http://127.0.0.1:{told.port}"
            platform = Platform(client, outside, superuser, log, data, url, mailbox, issuer)
            platform.secrets.update((secret, what) for what, secret in KNOWN.items())
            await sample.fill(superuser)
            for operation in OPERATIONS:
                await operation(platform)
            yield platform, told, data
            await superuser.close()


# Where it is looked for

Used = tuple[Platform, Listening, Path]


def test_a_secret_that_is_shown_would_be_found(used: Used) -> None:
    platform, told, _ = used
    sent = b"".join(told.requests).decode()
    planted = {secret: what for what, secret in PLANTED.items()}

    assert {"api key", "access token", "api key that is refused"} <= set(found_in(sent, planted))
    assert found_in(f"x{PLANTED['custom value'].encode().hex()}", planted) == ["custom value"]
    assert set(found_in("\n".join(platform.revealed), planted)) >= set(runs.SAID_ALOUD)


def test_every_mutation_was_done(used: Used) -> None:
    platform, _, _ = used

    assert set(MUTATIONS) - platform.succeeded == set()


def test_secrets_of_every_kind_were_looked_for(used: Used) -> None:
    platform, _, _ = used

    assert {f"sent as {name}" for name in TAKEN} - platform.kinds == set()
    assert {f"shown as {name}" for name in SHOWN} - platform.kinds == set()
    assert "sent by mail" in platform.secrets.values()
    assert len(platform.secrets) > 200


def test_whatever_is_called_like_a_secret_is_looked_for() -> None:
    types = schema._schema.type_map.values()  # pyright: ignore[reportPrivateUsage]
    whole = [each for each in types if isinstance(each, GraphQLInputObjectType | GraphQLObjectType)]
    sound = {name for each in whole for name in each.fields if SOUNDS_SECRET.search(name)}

    assert sound - TAKEN - SHOWN - REVEALED - NO_SECRETS == set()


def test_no_secret_is_in_an_answer(used: Used) -> None:
    platform, _, _ = used

    assert len(platform.answers) > 40
    for answer in platform.answers:
        assert found_in(answer, platform.secrets) == [], answer


def test_no_secret_is_in_the_log(used: Used) -> None:
    platform, _, _ = used
    log = "".join(platform.log)

    assert "/graphql" in log
    assert found_in(log, {**platform.secrets, PATH: "path"}) == []


def test_no_secret_is_in_the_log_of_the_database(used: Used) -> None:
    platform, _, data = used
    log = (data / LOG).read_text(encoding="utf-8", errors="replace")

    assert "app.rotate_credentials" in log
    for broken in ("duplicate key", 'check constraint "planted"', "canceling statement"):
        assert broken in log
    assert found_in(log, {**platform.secrets, PATH: "path"}) == []


async def test_no_secret_is_in_the_statistics_of_statements(used: Used) -> None:
    platform, _, _ = used
    rows = await platform.superuser.fetch("SELECT query FROM pg_stat_statements")
    statements = "\n".join(row["query"] for row in rows)

    assert "INSERT INTO integrations" in statements
    assert found_in(statements, {**platform.secrets, PATH: "path"}) == []


async def test_no_secret_is_in_any_table(used: Used) -> None:
    platform, _, _ = used
    tables = await platform.superuser.fetch(
        "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables"
        " WHERE schemaname IN ('public', 'secret', 'ops')"
    )
    found: dict[str, list[str]] = {}
    for table in tables:
        rows = await platform.superuser.fetch(f"SELECT t::text FROM {table['name']} t")
        found[table["name"]] = found_in("\n".join(row[0] for row in rows), platform.secrets)

    assert len(tables) > 20
    assert {table: names for table, names in found.items() if names} == {}


async def test_neither_secrets_nor_addresses_are_in_the_audit_log(used: Used) -> None:
    platform, _, _ = used
    rows = await platform.superuser.fetch("SELECT a::text FROM audit_logs a")
    webhooks = [row[0] for row in rows if "webhook" in row[0]]

    assert webhooks
    assert found_in("\n".join(row[0] for row in rows), platform.secrets) == []
    assert found_in("\n".join(webhooks), {PATH: "path"}) == []


def test_no_secret_is_told_to_a_webhook(used: Used) -> None:
    platform, told, _ = used
    bodies = b"\n".join(told.bodies).decode()

    assert '"integration.created"' in bodies
    assert found_in(bodies, platform.secrets) == []
