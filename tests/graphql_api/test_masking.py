"""What an integration holds is stored nowhere, in whatever form a runtime says it."""

import asyncio
import base64
import json
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from db import credentials, runtime
from db.errors import Unavailable
from db.sealing import Sealing
from db.secrets import Secrets
from db.streams import reading_streams
from resolvers import known_secrets
from resolvers.known_secrets import KnownSecrets, secret_values
from resolvers.redaction import MASK
from resolvers.streams import Streams
from tests import sample
from tests.graphql_api.platform import EDITOR, WHO, Platform

if TYPE_CHECKING:
    from asyncpg import Connection, Record

WORKSPACE = sample.of("workspace 1")
PLANTED = 'pl4nted "s3cret" of/theirs+é'
"""Without the shape of any service's key."""

INSERT = """
INSERT INTO integrations (id, workspace_id, service_name, service_type, account_name, credentials,
                          credentials_key_id, created_by)
VALUES ($1, $2, 'crm', 'api_key', $3, $4, $5, $6)
"""
CONNECT = """
mutation ($input: CreateIntegrationInput!) {
  createIntegration(input: $input) { errors { code message } }
}
"""
ROTATE = "UPDATE integrations SET credentials = $2, credentials_key_id = $3 WHERE id = $1"


async def plant(platform: Platform, held: dict[str, str]) -> UUID:
    """An integration of team 1 that holds this."""
    id = uuid4()
    sealed = credentials.encrypt_credentials(platform.database.sealing, WORKSPACE, id, held)
    values = (id, WORKSPACE, str(id), sealed.text, sealed.key_id, EDITOR.user_id)
    await platform.superuser.execute(INSERT, *values)
    return id


async def rotate(platform: Platform, id: UUID, held: dict[str, str]) -> None:
    sealed = credentials.encrypt_credentials(platform.database.sealing, WORKSPACE, id, held)
    await platform.superuser.execute(ROTATE, id, *sealed)


async def everything(superuser: "Connection[Record]") -> str:
    """Every row of every table."""
    tables = await superuser.fetch(
        "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema')"
    )
    rows = [
        row[0]
        for (table,) in tables
        for row in await superuser.fetch(f"SELECT t::text FROM {table} t")
    ]
    return "\n".join(rows)


async def test_a_planted_credential_is_found_nowhere_after_it_was_used(platform: Platform) -> None:
    await plant(platform, {"api_secret": PLANTED})
    basic = base64.b64encode(PLANTED.encode()).decode()
    ways = [PLANTED, json.dumps(PLANTED), json.dumps(json.dumps(PLANTED)), basic]
    said = {"used": ways, f"under {PLANTED}": [{"deep": f"x{PLANTED}y"}]}

    queued = await platform.queued(inputData=said)
    run = await platform.running(
        triggerType=f"by {PLANTED}", triggerData=said, inputData=said, keepOriginal=True
    )
    for execution in (queued, run):
        lines = [
            {"message": f"sent {way}", "metadata": {"body": way, "all": said}, "nodeId": "send"}
            for way in ways
        ]
        kept = await platform.done("appendExecutionLogs", executionId=execution, lines=lines)
        assert kept["masked"] == len(lines)
        await platform.done(
            "finishExecution",
            executionId=execution,
            status="FAILED",
            outputData=said,
            errorMessage=f"Refused: {PLANTED}",
            errorStack=f"at send({json.dumps(PLANTED)})\nat main()",
        )
    await platform.done("retryExecution", id=run)

    stored = await everything(platform.superuser)
    assert MASK in stored
    for way in (*ways, "pl4nted", "s3cret", basic[4:-4]):
        assert way not in stored


async def test_what_is_connected_is_masked_from_the_next_line_on(platform: Platform) -> None:
    """In the process that answered; another hears of it."""
    execution = await platform.running()
    lines = [{"message": "using just-c0nnected-now"}]
    await platform.done("appendExecutionLogs", executionId=execution, lines=[{"message": "warm"}])
    connected = await platform.ask(
        CONNECT,
        WHO["admin"],
        input={
            "workspaceId": str(WORKSPACE),
            "serviceName": "something",
            "serviceType": "api_key",
            "credentials": {"apiKey": "just-c0nnected-now", "header": "X-Some-Key"},
        },
    )
    assert connected["createIntegration"]["errors"] == []
    kept = await platform.done("appendExecutionLogs", executionId=execution, lines=lines)
    assert kept["masked"] == 1
    assert "just-c0nnected-now" not in await everything(platform.superuser)


async def test_what_another_workspace_holds_is_not_masked(platform: Platform) -> None:
    """Who could see that something is masked could guess what others hold."""
    await plant(platform, {"password": "only-team-one-holds-this"})
    others = sample.viewers(2)["editor"]
    flow = str(sample.of("workflow 2 1"))
    payload = await platform.done("startExecution", others, workflowId=flow)
    kept = await platform.done(
        "appendExecutionLogs",
        others,
        executionId=payload["execution"]["databaseId"],
        lines=[{"message": "only-team-one-holds-this"}],
    )
    assert kept["masked"] == 0


async def masked(known: KnownSecrets, platform: Platform, text: str) -> bool:
    redaction = await known.redaction(platform.database, sample.of("workflow 1 1"))
    return redaction.text(text) == MASK


async def test_what_is_rotated_is_known_as_soon_as_it_is_told(
    platform: Platform, secrets: Secrets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_secrets, "FRESH", 1_000.0)
    known, told = KnownSecrets(), asyncio.Event()

    def rotated(workspace_id: UUID) -> None:
        known.forget(workspace_id)
        told.set()

    streams = Streams(rotated=rotated)
    async with (
        reading_streams(platform.url, secrets) as reader,
        streams.running(platform.database, reader),
        asyncio.timeout(20),
    ):
        id = await plant(platform, {"key": "the first of two"})
        while not told.is_set():  # whether the process listens already is not told
            await rotate(platform, id, {"key": "the first of two"})
            await asyncio.wait([asyncio.create_task(told.wait())], timeout=0.2)
        assert await masked(known, platform, "the first of two")
        assert not await masked(known, platform, "the second of two")
        told.clear()
        await rotate(platform, id, {"key": "the second of two"})
        await told.wait()
        assert await masked(known, platform, "the second of two")
        assert not await masked(known, platform, "the first of two")


async def test_what_is_rotated_is_known_after_a_while_though_nobody_tells(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = KnownSecrets()
    id = await plant(platform, {"key": "silently before"})
    assert await masked(known, platform, "silently before")
    await rotate(platform, id, {"key": "silently after"})
    monkeypatch.setattr(known_secrets, "FRESH", 0.0)
    assert await masked(known, platform, "silently after")


async def test_nothing_is_stored_where_the_credentials_cannot_be_read(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unreadable(*_: Any) -> list[dict[str, str]]:
        raise Unavailable("the database cannot be reached")

    flow = await platform.workflow()
    monkeypatch.setattr(credentials, "of_workspace", unreadable)
    monkeypatch.setattr(known_secrets, "FRESH", -1.0)
    with pytest.raises(Unavailable):
        await platform("startExecution", workflowId=flow)
    count = "SELECT count(*) FROM executions WHERE workflow_id = $1"
    assert await platform.superuser.fetchval(count, UUID(flow)) == 0


async def test_whoever_began_an_execution_need_not_ask_where_it_is(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = await platform.workflow()
    begun = await platform.running(workflowId=flow)

    async def asked(*_: Any) -> UUID:
        raise LookupError("the workspace is known")

    monkeypatch.setattr(runtime, "workspace_of", asked)
    lines = [{"message": "hello"}]
    kept = await platform.done("appendExecutionLogs", executionId=begun, lines=lines)
    assert kept["appended"] == 1


async def test_many_who_report_at_once_read_the_credentials_once(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, known, flow = list[UUID](), KnownSecrets(), sample.of("workflow 1 1")
    of_workspace = credentials.of_workspace

    async def counted(database: Any, workspace_id: UUID) -> list[dict[str, str]]:
        read.append(workspace_id)
        return await of_workspace(database, workspace_id)

    monkeypatch.setattr(credentials, "of_workspace", counted)
    await asyncio.gather(*(known.redaction(platform.database, flow) for _ in range(50)))
    await known.redaction(platform.database, flow)
    assert read == [WORKSPACE]


async def test_what_no_key_opens_keeps_nothing_from_being_reported(platform: Platform) -> None:
    id = uuid4()
    strange = Sealing(Secrets("another secret than that of every test of the database"))
    sealed = credentials.encrypt_credentials(strange, WORKSPACE, id, {"key": "whatever it is"})
    values = (id, WORKSPACE, str(id), sealed.text, sealed.key_id, EDITOR.user_id)
    await platform.superuser.execute(INSERT, *values)
    execution = await platform.running()
    lines = [{"message": "hello"}]
    kept = await platform.done("appendExecutionLogs", executionId=execution, lines=lines)
    assert kept["appended"] == 1


@pytest.mark.parametrize(
    ("held", "hidden"),
    [
        ({"token": "abcdef"}, {"abcdef", "YWJjZGVm"}),
        ({"token": "abcde"}, set[str]()),
        ({"username": "administrator", "host": "db.example.org"}, {"YWRtaW5pc3RyYXRvcjpk"}),
        (
            {"key": "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\nshort"},
            {"MIIEvQIBADANBgkqhkiG9w0B"},
        ),
        ({"account": '{"private_key": "a\\nlong-inner-secret", "n": 1}'}, {"long-inner-secret"}),
        ({"apiKey": "abcdef", "header": "X-Api-Key", "tokenType": "Bearer"}, {"abcdef"}),
        ({"user": "ada", "password": "hunter2-"}, {"YWRhOmh1bnRlcjIt", "hunter2-"}),
    ],
)
def test_what_is_hidden_of_credentials(held: dict[str, str], hidden: set[str]) -> None:
    found = set(secret_values(held))
    if not hidden:
        assert not found
    for each in hidden:
        assert [value for value in found if value.startswith(each)]
    open_ones = {"X-Api-Key", "Bearer", "administrator", "db.example.org", "ada"}
    assert not found & (open_ones | {"short", "abcde"})
    assert "-----BEGIN PRIVATE KEY-----" not in found
