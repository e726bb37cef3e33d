"""What was masked is shown as it was to nobody but who may see it, and only where it was kept."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from db.sealing import Sealing
from db.secrets import Secrets
from db.session import Viewer
from resolvers import rewrapping
from tests import sample
from tests.graphql_api.platform import WHO, Data, Platform

OWNER = WHO["owner"]
SECRET = "Bearer abcdef.0123456789"
REVEAL = """
mutation ($input: RevealExecutionInput!) {
  revealExecution(input: $input) {
    errors { code message path }
    execution { databaseId }
    originals { part seq value }
  }
}
"""


async def revealed(platform: Platform, viewer: Viewer, **given: Any) -> Data:
    return (await platform.ask(REVEAL, viewer, input=given))["revealExecution"]


async def reported(platform: Platform, *, keep: bool) -> str:
    """An execution with a secret in everything."""
    run = await platform.running(
        inputData={"sent": SECRET}, triggerData={"n": 1}, keepOriginal=keep
    )
    lines = [
        {"message": f"sent {SECRET}", "metadata": {"with": [SECRET]}},
        {"message": "nothing to hide", "metadata": {"n": 1}},
        {"message": "with an id", "metadata": {"a": SECRET}, "id": str(UUID(int=7))},
    ]
    for _ in range(2):  # what is sent again is kept once
        await platform.done(
            "appendExecutionLogs", executionId=run, lines=lines[2:], keepOriginal=keep
        )
    await platform.done("appendExecutionLogs", executionId=run, lines=lines[:2], keepOriginal=keep)
    await platform.done(
        "finishExecution",
        executionId=run,
        status="FAILED",
        outputData=[SECRET],
        errorMessage=f"refused {SECRET}",
        errorStack="main()",
        keepOriginal=keep,
    )
    return run


async def audited(platform: Platform, execution: str) -> list[asyncpg.Record]:
    return await platform.superuser.fetch(
        "SELECT user_id, api_key_id, details FROM audit_logs"
        " WHERE action = 'execution.reveal' AND resource_id = $1",
        UUID(execution),
    )


async def test_what_was_kept_is_shown_as_it_was(platform: Platform) -> None:
    run = await reported(platform, keep=True)
    payload = await revealed(platform, OWNER, executionId=run, seqs=[1, 2, 3])
    assert payload["errors"] == []
    assert payload["execution"]["databaseId"] == run
    assert payload["originals"] == [
        {"part": "ERROR_MESSAGE", "seq": None, "value": f"refused {SECRET}"},
        {"part": "INPUT_DATA", "seq": None, "value": {"sent": SECRET}},
        {"part": "OUTPUT_DATA", "seq": None, "value": [SECRET]},
        {
            "part": "LINE",
            "seq": 1,
            "value": {"message": "with an id", "metadata": {"a": SECRET}},
        },
        {
            "part": "LINE",
            "seq": 2,
            "value": {"message": f"sent {SECRET}", "metadata": {"with": [SECRET]}},
        },
    ]


async def test_of_the_log_only_the_lines_named_are_shown(platform: Platform) -> None:
    run = await reported(platform, keep=True)
    payload = await revealed(platform, OWNER, executionId=run, seqs=[2])
    assert [each["seq"] for each in payload["originals"]] == [None, None, None, 2]


async def test_what_is_kept_is_sealed(platform: Platform) -> None:
    await reported(platform, keep=True)
    rows = await platform.superuser.fetch("SELECT sealed FROM execution_originals")
    assert rows
    assert not [row for row in rows if SECRET.encode() in row["sealed"]]
    stored = await platform.superuser.fetch(
        "SELECT e::text FROM executions e UNION ALL SELECT l::text FROM execution_logs l"
    )
    assert not [row for row in stored if SECRET in row[0]]


async def test_nothing_is_kept_that_nobody_asked_to_keep(platform: Platform) -> None:
    run = await reported(platform, keep=False)
    assert (await revealed(platform, OWNER, executionId=run, seqs=[1]))["originals"] == []
    count = "SELECT count(*) FROM execution_originals WHERE execution_id = $1"
    assert await platform.superuser.fetchval(count, UUID(run)) == 0


async def test_whoever_looks_is_in_the_audit_log(platform: Platform) -> None:
    run = await reported(platform, keep=True)
    await revealed(platform, OWNER, executionId=run, seqs=[1])
    (row,) = await audited(platform, run)
    assert row["user_id"] == OWNER.user_id
    assert row["details"] == '{"lines": [1]}'


@pytest.mark.parametrize(
    ("who", "code"),
    [
        ("viewer", "FORBIDDEN"),
        ("editor", "FORBIDDEN"),
        ("admin", "FORBIDDEN"),
        ("stranger", "NOT_FOUND"),
    ],
)
async def test_whoever_may_not_look_sees_nothing(platform: Platform, who: str, code: str) -> None:
    run = await reported(platform, keep=True)
    payload = await revealed(platform, WHO[who], executionId=run, seqs=[1])
    assert [error["code"] for error in payload["errors"]] == [code]
    assert payload["originals"] == []
    assert await audited(platform, run) == []


async def test_no_login_of_the_api_reads_the_table(platform: Platform) -> None:
    async with platform.database.api.connection() as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch("SELECT sealed FROM execution_originals")


async def test_a_stranger_keeps_nothing_at_anothers_execution(platform: Platform) -> None:
    run = await platform.running()
    async with platform.database.writing(sample.viewers(2)["owner"]) as transaction:
        kept = await transaction.value(
            "SELECT app.keep_originals($1, '{input_data}', ARRAY[$1::uuid], '{x}', '{k}')",
            UUID(run),
        )
    assert kept == 0


async def test_what_is_sealed_with_a_lost_key_says_so(platform: Platform) -> None:
    run = await reported(platform, keep=True)
    await platform.superuser.execute(
        "UPDATE execution_originals SET key_id = 'lost' WHERE execution_id = $1", UUID(run)
    )
    payload = await revealed(platform, OWNER, executionId=run)
    assert payload["errors"] == []
    assert [each["value"] for each in payload["originals"]] == [None] * 3


async def test_more_than_a_hundred_lines_at_once_are_refused(platform: Platform) -> None:
    run = await platform.running()
    payload = await revealed(platform, OWNER, executionId=run, seqs=list(range(101)))
    assert [error["path"] for error in payload["errors"]] == [["input", "seqs"]]


async def test_a_refused_report_keeps_nothing(platform: Platform) -> None:
    run = await reported(platform, keep=True)
    before = await platform.superuser.fetchval("SELECT count(*) FROM execution_originals")
    await platform.refused(
        "appendExecutionLogs", executionId=run, lines=[{"message": SECRET}], keepOriginal=True
    )
    after = await platform.superuser.fetchval("SELECT count(*) FROM execution_originals")
    assert after == before


# Under a new key

OLD, NEW = "the secret that every test of the database uses", "the secret that is used from now on"
EVERY_LINE = [1, 2, 3]


@contextmanager
def knowing(platform: Platform, *secrets: str) -> Generator[None]:
    """As a process whose secrets these are, the one before last."""
    platform.database.sealing, before = Sealing(Secrets(*secrets)), platform.database.sealing
    try:
        yield
    finally:
        platform.database.sealing = before


async def shown(platform: Platform, runs: list[str]) -> list[Any]:
    asked = [revealed(platform, OWNER, executionId=run, seqs=EVERY_LINE) for run in runs]
    return [payload["originals"] for payload in await asyncio.gather(*asked)]


async def only(platform: Platform, number: int) -> list[str]:
    """So many executions, which alone have originals: five each."""
    await platform.superuser.execute("DELETE FROM execution_originals")
    return [await reported(platform, keep=True) for _ in range(number)]


def about_originals(said: list[str]) -> list[str]:
    return [each for each in said if "originals" in each]


async def test_originals_come_under_a_new_key_and_open_as_before(platform: Platform) -> None:
    runs, said = await only(platform, 3), list[str]()
    before = await shown(platform, runs)
    with knowing(platform, NEW, OLD):
        await rewrapping.rewrap(platform.database, said.append)
    with knowing(platform, NEW):
        assert await shown(platform, runs) == before
    assert about_originals(said) == ["Sealed 15 originals of what was masked anew"]


async def test_what_was_broken_off_goes_on_where_it_was(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rewrapping, "MOST_ORIGINALS", 4)
    runs, said = await only(platform, 3), list[str]()
    before = await shown(platform, runs)

    def interrupt(what: str) -> None:
        if "8 originals" in what:
            raise KeyboardInterrupt

    with knowing(platform, NEW, OLD):
        with pytest.raises(KeyboardInterrupt):
            await rewrapping.rewrap(platform.database, interrupt)
        assert await shown(platform, runs) == before
        await rewrapping.rewrap(platform.database, said.append)
    with knowing(platform, NEW):
        assert await shown(platform, runs) == before
    assert about_originals(said)[-1] == "Sealed 7 originals of what was masked anew"


async def test_several_who_seal_anew_at_once_lose_nothing(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rewrapping, "MOST_ORIGINALS", 3)
    runs = await only(platform, 4)
    before = await shown(platform, runs)
    with knowing(platform, NEW, OLD):
        at_once = [rewrapping.rewrap(platform.database, silent) for _ in range(3)]
        await asyncio.gather(*at_once)
    with knowing(platform, NEW):
        assert await shown(platform, runs) == before


async def test_originals_that_do_not_open_are_counted_and_stay(platform: Platform) -> None:
    runs, said = await only(platform, 2), list[str]()
    await platform.superuser.execute(
        "UPDATE execution_originals SET key_id = 'lost' WHERE execution_id = $1", UUID(runs[0])
    )
    with knowing(platform, NEW, OLD):
        await rewrapping.rewrap(platform.database, said.append)
    assert about_originals(said) == [
        "Sealed 5 originals of what was masked anew",
        "5 originals of what was masked do not open, and stay as they are",
    ]
    kept = "SELECT count(*) FROM execution_originals WHERE key_id = 'lost'"
    assert await platform.superuser.fetchval(kept) == 5


def silent(_: str) -> None:
    """What is told of the progress."""
