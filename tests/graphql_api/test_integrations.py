"""Integrations: made, changed, tested and removed; and that what is secret stays so."""

import asyncio
import base64
import json
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from db import credentials
from db.session import Database, Viewer
from resolvers import allowances
from resolvers.outgoing import Outgoing
from tests import sample
from tests.graphql_api.asking import Asking
from tests.listening import LOOPBACK, Answer, listening, saying

if TYPE_CHECKING:
    from asyncpg import Connection, Record

Data = dict[str, Any]

WHO = sample.viewers(1)
ADMIN = WHO["admin"]
TEAM = sample.of("workspace 1")
SECRET = "xoxb-17653672481-19874698323"

ERROR = "code message path ... on RateLimitedError { resetAt }"
INTEGRATION = """
integration {
  databaseId serviceName serviceType accountName scopes status testMethod testUrl testResult
  lastTestedAt rotatedAt updatedAt createdBy { databaseId }
}
"""
FIELDS = {
    "deleteIntegration": (
        "deletedId errors { code message path"
        " ... on IntegrationInUseError { deployments { databaseId environment } } }"
    )
}
INPUTS = {
    "createIntegration": "CreateIntegrationInput!",
    "updateIntegration": "UpdateIntegrationInput!",
    "rotateIntegrationCredentials": "RotateIntegrationCredentialsInput!",
    "setIntegrationStatus": "SetIntegrationStatusInput!",
    "deleteIntegration": "DeleteIntegrationInput!",
}


class Platform:
    """A database to write to, and the mutations of integrations."""

    def __init__(
        self, ask: Asking, database: Database, superuser: "Connection[Record]"
    ) -> None:
        self.ask, self.database, self.superuser = ask, database, superuser

    async def __call__(self, name: str, viewer: Viewer = ADMIN, **given: Any) -> Data:
        fields = FIELDS.get(name, f"errors {{ {ERROR} }} {INTEGRATION}")
        if name == "testIntegration":
            query = f"mutation ($id: ID!) {{ {name}(id: $id) {{ {fields} }} }}"
            return (await self.ask(query, viewer, **given))[name]
        query = f"mutation ($input: {INPUTS[name]}) {{ {name}(input: $input) {{ {fields} }} }}"
        return (await self.ask(query, viewer, input=given))[name]

    async def done(self, name: str, viewer: Viewer = ADMIN, **given: Any) -> Data:
        """The integration, after a mutation that succeeds."""
        payload = await self(name, viewer, **given)
        assert payload["errors"] == []
        return payload.get("integration") or payload

    async def refused(self, name: str, viewer: Viewer = ADMIN, **given: Any) -> Data:
        (error,) = (await self(name, viewer, **given))["errors"]
        assert SECRET not in str(error)
        return error

    async def connected(self, **given: Any) -> str:
        """The id of a new integration."""
        return (await self.done("createIntegration", **new(**given)))["databaseId"]

    async def opened(self, id: str) -> dict[str, str] | None:
        return await credentials.to_test(self.database, UUID(id))

    async def untested(self) -> None:
        """As if nothing had been tested for long."""
        await self.superuser.execute("DELETE FROM secret.allowances")

    async def tested(self, id: str) -> Data:
        await self.untested()
        return await self.done("testIntegration", id=id)

    async def live(self, config: Data, status: str = "deploying") -> UUID:
        """A deployment of a workflow with a node of this config."""
        definition = {
            "nodes": [
                {
                    "id": "a",
                    "type": "http",
                    "name": "A",
                    "config": config,
                }
            ],
            "edges": [],
        }
        async with self.superuser.transaction():
            flow = await self.superuser.fetchval(
                "INSERT INTO workflows (workspace_id, name, definition, created_by)"
                " VALUES ($1, 'Flow', $2, $3) RETURNING id",
                TEAM,
                json.dumps(definition),
                ADMIN.user_id,
            )
            await self.superuser.execute(
                "INSERT INTO workflow_versions"
                " (workspace_id, workflow_id, version, definition, created_by)"
                " VALUES ($1, $2, 1, $3, $4)",
                TEAM,
                flow,
                json.dumps(definition),
                ADMIN.user_id,
            )
        return await self.superuser.fetchval(
            "INSERT INTO deployments (workspace_id, workflow_id, workflow_version, created_by,"
            " status) VALUES ($1, $2, 1, $3, $4) RETURNING id",
            TEAM,
            flow,
            ADMIN.user_id,
            status,
        )


def new(**given: Any) -> Data:
    return {
        "workspaceId": str(TEAM),
        "serviceName": "Weather",
        "serviceType": "api_key",
        "accountName": str(uuid4()),
        "credentials": {"apiKey": SECRET},
        **given,
    }


@pytest.fixture(scope="module")
async def platform(
    own_database: Database,
    own_superuser: "Connection[Record]",
    asking: Callable[..., Asking],
) -> AsyncGenerator[Platform]:
    outgoing = Outgoing(LOOPBACK, seconds=1)
    ask = asking(own_database, "loaders", outgoing=outgoing)
    yield Platform(ask, own_database, own_superuser)
    await outgoing.end()


async def test_an_integration_is_made_and_its_credentials_are_sealed(platform: Platform) -> None:
    made = await platform.done("createIntegration", **new(scopes=["read", "write", "read"]))

    assert made["serviceName"] == "weather"
    assert made["scopes"] == ["read", "write"]
    assert made["status"] == "ACTIVE"
    assert made["createdBy"] == {"databaseId": str(ADMIN.user_id)}
    assert await platform.opened(made["databaseId"]) == {"apiKey": SECRET}
    row = await platform.superuser.fetchrow(
        "SELECT * FROM integrations WHERE id = $1", UUID(made["databaseId"])
    )
    assert SECRET.encode() not in dict(row or {})["credentials"]


async def test_a_service_has_several_accounts_and_each_name_once(platform: Platform) -> None:
    await platform.connected(accountName="sales")
    await platform.connected(accountName="support")

    error = await platform.refused("createIntegration", **new(accountName=" sales "))

    assert (error["code"], error["path"]) == ("CONFLICT", ["input", "accountName"])


async def test_of_many_who_connect_the_same_account_at_once_one_does(platform: Platform) -> None:
    given = new(accountName="only one")
    payloads = await asyncio.gather(*(platform("createIntegration", **given) for _ in range(8)))

    assert sorted(len(payload["errors"]) for payload in payloads) == [0, *([1] * 7)]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"serviceName": " "}, "serviceName"),
        ({"serviceName": "x" * 101}, "serviceName"),
        ({"serviceName": "a\nb"}, "serviceName"),
        ({"serviceType": "magic"}, "serviceType"),
        ({"accountName": "x" * 256}, "accountName"),
        ({"scopes": ["a\0b"]}, "scopes"),
        ({"scopes": ["x"] * 101}, "scopes"),
        ({"testMethod": "DELETE"}, "testMethod"),
        ({"testUrl": "ftp://example.com/"}, "testUrl"),
        ({"testUrl": "https://user:word@example.com/"}, "testUrl"),
        ({"testUrl": "https://10.0.0.1/"}, "testUrl"),
        ({"credentials": []}, "credentials"),
        ({"credentials": {}}, "credentials"),
        ({"credentials": SECRET}, "credentials"),
        ({"credentials": {"token": SECRET}}, "credentials"),
        ({"credentials": {"apiKey": [SECRET]}}, "credentials"),
        ({"credentials": {"apiKey": f"{SECRET}\r\nHost: x"}}, "credentials"),
        ({"credentials": {"apiKey": SECRET * 1000}}, "credentials"),
        ({"credentials": {"apiKey": "x", **{str(n): SECRET for n in range(40)}}}, "credentials"),
        ({"serviceType": "basic"}, "credentials"),
        ({"serviceType": "oauth2", "credentials": {"accessToken": " "}}, "credentials"),
    ],
)
async def test_what_cannot_be_an_integration_is_refused(
    platform: Platform, given: Data, field: str
) -> None:
    count = "SELECT count(*) FROM integrations"
    before = await platform.superuser.fetchval(count)

    error = await platform.refused("createIntegration", **new(**given))

    assert (error["code"], error["path"]) == ("INVALID_INPUT", ["input", field])
    assert await platform.superuser.fetchval(count) == before


async def test_what_is_not_named_in_an_update_stays(platform: Platform) -> None:
    id = await platform.connected(scopes=["read"])

    changed = await platform.done("updateIntegration", id=id, accountName="new name")

    assert (changed["accountName"], changed["scopes"]) == ("new name", ["read"])
    assert (await platform.done("updateIntegration", id=id, scopes=[]))["scopes"] == []


async def test_a_type_that_the_credentials_cannot_be_is_refused(platform: Platform) -> None:
    id = await platform.connected()

    error = await platform.refused("updateIntegration", id=id, serviceType="basic")

    assert (error["code"], error["path"]) == ("INVALID_INPUT", ["input", "serviceType"])
    changed = await platform.done("updateIntegration", id=id, serviceType="custom")
    assert changed["serviceType"] == "custom"


async def test_rotated_credentials_replace_the_old_and_what_was_found_of_them(
    platform: Platform,
) -> None:
    id = await platform.connected(testUrl="https://127.0.0.1:1/")
    assert (await platform.tested(id))["status"] == "ERROR"

    rotated = await platform.done(
        "rotateIntegrationCredentials",
        id=id,
        serviceType="basic",
        credentials={"username": "ada", "password": SECRET},
    )

    assert (rotated["serviceType"], rotated["status"]) == ("basic", "ACTIVE")
    assert (rotated["testResult"], rotated["lastTestedAt"]) == (None, None)
    assert rotated["testUrl"] == "https://127.0.0.1:1/"
    assert await platform.opened(id) == {"username": "ada", "password": SECRET}
    emptied = await platform.done(
        "rotateIntegrationCredentials",
        id=id,
        testUrl="",
        credentials={"username": "ada", "password": SECRET},
    )
    assert emptied["testUrl"] is None


async def test_an_integration_that_is_off_gives_nobody_its_credentials(platform: Platform) -> None:
    id = await platform.connected()

    off = await platform.done("setIntegrationStatus", id=id, status="INACTIVE")

    assert off["status"] == "INACTIVE"
    assert await credentials.of_integration(platform.database, UUID(id)) is None
    await platform.done("setIntegrationStatus", id=id, status="ACTIVE")
    assert await credentials.of_integration(platform.database, UUID(id)) == {"apiKey": SECRET}
    error = await platform.refused("setIntegrationStatus", id=id, status="ERROR")
    assert (error["code"], error["path"]) == ("INVALID_INPUT", ["input", "status"])


# Removing


async def test_an_integration_is_removed(platform: Platform) -> None:
    id = await platform.connected()

    gone = await platform.done("deleteIntegration", id=id)

    assert gone["deletedId"] == id
    error = await platform.refused("deleteIntegration", id=id)
    assert (error["code"], error["path"]) == ("NOT_FOUND", ["input", "id"])


@pytest.mark.parametrize(
    "config",
    [
        {"integration": "ID"},
        {"auth": [{"with": "ID"}]},
        {"integration": "in use"},
        {"integration": "in use/main"},
    ],
)
async def test_what_live_deployments_use_is_removed_only_by_force(
    platform: Platform, config: Data
) -> None:
    id = await platform.connected(serviceName="in use", accountName="main")
    await platform.superuser.execute("UPDATE deployments SET status = 'stopped'")
    deployment = await platform.live(json.loads(json.dumps(config).replace("ID", id)))

    error = await platform.refused("deleteIntegration", id=id)

    assert (error["code"], error["path"]) == ("INTEGRATION_IN_USE", ["input", "id"])
    assert error["deployments"] == [
        {"databaseId": str(deployment), "environment": "PRODUCTION"}
    ]
    await platform.done("deleteIntegration", id=id, force=True)


async def test_what_only_stopped_deployments_used_is_removed(platform: Platform) -> None:
    id = await platform.connected()
    await platform.live({"integration": id}, status="stopped")
    await platform.live({"integration": "weather/another"})

    await platform.done("deleteIntegration", id=id)


# Testing


async def test_a_test_shows_the_credentials_and_keeps_whether_they_were_taken(
    platform: Platform,
) -> None:
    async with listening(saying("200 OK", SECRET.encode())) as server:
        id = await platform.connected(testUrl=f"http://127.0.0.1:{server.port}/me")
        found = await platform.tested(id)

    assert f"authorization: bearer {SECRET}".encode() in server.requests[0].lower()
    assert found["status"] == "ACTIVE"
    assert found["lastTestedAt"] is not None
    result = found["testResult"]
    assert result.pop("latencyMs") >= 0
    assert result == {"ok": True, "statusCode": 200}


@pytest.mark.parametrize(
    ("service_type", "shown", "header"),
    [
        ("api_key", {"apiKey": SECRET, "header": "X-Key"}, f"x-key: {SECRET}"),
        ("oauth2", {"accessToken": SECRET}, f"authorization: Bearer {SECRET}"),
        (
            "basic",
            {"username": "ä", "password": SECRET},
            f"authorization: Basic {base64.b64encode(f'ä:{SECRET}'.encode()).decode()}",
        ),
    ],
)
async def test_each_type_of_credentials_is_shown_in_its_way(
    platform: Platform, service_type: str, shown: Data, header: str
) -> None:
    async with listening(saying("200 OK")) as server:
        id = await platform.connected(
            serviceType=service_type,
            credentials=shown,
            testMethod="POST",
            testUrl=f"http://127.0.0.1:{server.port}/",
        )
        await platform.tested(id)

    head = server.requests[0].decode()
    assert head.startswith("POST / ")
    assert header.lower() in head.lower()


async def nothing(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (saying("401 Unauthorized", SECRET.encode()), {"ok": False, "statusCode": 401}),
        (saying("302 Found\r\nLocation: /"), {"ok": False, "statusCode": 302}),
        (saying("500 Oops"), {"ok": False, "statusCode": 500}),
        (
            nothing,
            {"ok": False, "error": "TIMEOUT", "message": "There was no answer in time."},
        ),
    ],
    ids=["refused", "redirected", "broken", "silent"],
)
async def test_a_test_that_fails_says_so_and_nothing_of_what_was_answered(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, answer: Answer, result: Data
) -> None:
    monkeypatch.setattr("resolvers.integrations.TEST_SECONDS", 0.3)
    async with listening(answer) as server:
        id = await platform.connected(testUrl=f"http://127.0.0.1:{server.port}/")
        found = await platform.tested(id)

    found["testResult"].pop("latencyMs", None)
    assert (found["status"], found["testResult"]) == ("ERROR", result)


async def test_an_address_inside_is_not_called(platform: Platform) -> None:
    id = await platform.connected(testUrl="https://localhost/")
    await platform.superuser.execute(
        "UPDATE integrations SET test_url = 'https://10.0.0.1/' WHERE id = $1", UUID(id)
    )

    found = await platform.tested(id)

    assert found["testResult"]["error"] == "ADDRESS_REFUSED"


async def test_one_that_is_off_stays_off_however_its_test_ends(platform: Platform) -> None:
    async with listening(saying("200 OK")) as server:
        id = await platform.connected(testUrl=f"http://127.0.0.1:{server.port}/")
        await platform.done("setIntegrationStatus", id=id, status="INACTIVE")
        assert (await platform.tested(id))["status"] == "INACTIVE"


async def test_a_test_of_credentials_that_were_replaced_meanwhile_says_nothing(
    platform: Platform,
) -> None:
    asked, replaced = asyncio.Event(), asyncio.Event()

    async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await replaced.wait()
        writer.write(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")

    async with listening(refuse) as server:
        id = await platform.connected(testUrl=f"http://127.0.0.1:{server.port}/")
        testing = asyncio.create_task(platform.tested(id))
        await asyncio.wait_for(asked.wait(), 5)
        fresh = {"apiKey": "another"}
        await platform.done("rotateIntegrationCredentials", id=id, credentials=fresh)
        replaced.set()
        found = await testing

    assert (found["status"], found["testResult"]) == ("ACTIVE", None)


async def test_what_cannot_be_tested_is_refused(platform: Platform) -> None:
    for id in (
        await platform.connected(serviceName="nobody knows it"),
        await platform.connected(serviceName="github", serviceType="custom"),
    ):
        error = await platform.refused("testIntegration", id=id)
        assert (error["code"], error["path"]) == ("INVALID_INPUT", ["id"])


async def test_credentials_that_do_not_open_are_told_apart(platform: Platform) -> None:
    id = await platform.connected(testUrl="https://example.com/")
    await platform.superuser.execute(
        "UPDATE integrations SET credentials = '\\x00' WHERE id = $1", UUID(id)
    )

    assert (await platform.tested(id))["testResult"]["error"] == "CREDENTIALS_UNREADABLE"


async def test_of_many_tests_at_once_a_workspace_has_as_many_as_it_is_allowed(
    platform: Platform,
) -> None:
    await platform.untested()
    async with listening(saying("200 OK")) as server:
        url = f"http://127.0.0.1:{server.port}/"
        ids = [await platform.connected(testUrl=url) for _ in range(2)]
        asked = [platform("testIntegration", id=ids[n % 2]) for n in range(24)]
        refused = [each["errors"] for each in await asyncio.gather(*asked) if each["errors"]]

        now, most = datetime.now(UTC), allowances.TESTS_IN_ONE_WORKSPACE.most
        assert len(server.requests) == 24 - len(refused) == most == 10
        for (error,) in refused:
            assert error["code"] == "RATE_LIMITED"
            assert "This workspace" in error["message"]
            until_then = datetime.fromisoformat(error["resetAt"]) - now
            assert timedelta(seconds=-2) < until_then <= timedelta(seconds=6)

        other = new(workspaceId=str(sample.of("workspace 2")), testUrl=url)
        elsewhere = sample.viewers(2)["admin"]
        made = await platform.done("createIntegration", elsewhere, **other)
        assert await platform.done("testIntegration", elsewhere, id=made["databaseId"])


# The database


async def test_nobody_changes_credentials_or_their_address_but_together(
    platform: Platform,
) -> None:
    for column in ("credentials", "credentials_key_id", "test_url", "test_method"):
        async with platform.database.writing(ADMIN) as transaction:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await transaction._connection.execute(  # pyright: ignore[reportPrivateUsage]
                    f"UPDATE integrations SET {column} = {column}"
                )


async def test_every_change_is_in_the_audit_log_without_the_credentials(
    platform: Platform,
) -> None:
    id = await platform.connected()
    await platform.done("updateIntegration", id=id, scopes=["x"])
    await platform.done("rotateIntegrationCredentials", id=id, credentials={"apiKey": "other"})
    await platform.done("deleteIntegration", id=id)

    rows = await platform.superuser.fetch(
        "SELECT action, user_id, details::text FROM audit_logs WHERE resource_id = $1 ORDER BY id",
        UUID(id),
    )

    assert [row["action"] for row in rows] == [
        f"integration.{verb}" for verb in ("create", "update", "update", "delete")
    ]
    assert {row["user_id"] for row in rows} == {ADMIN.user_id}
    assert '"withheld": ["credentials"' in rows[2]["details"]
