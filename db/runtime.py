"""What runtimes report and are handed: functions of ``migrations/0020_runtime.sql``, one a call.

Each call is one statement that first binds the viewer: one round trip and one commit, also for a
thousand lines.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import LiteralString, TypeVar
from uuid import UUID

import asyncpg
import msgspec

from db import originals as kept_originals
from db import tracing
from db.errors import refusal_of
from db.json import Json
from db.originals import Original
from db.secrets import Secrets
from db.session import BIND, Database, Viewer, alone, as_login

T = TypeVar("T", bound=msgspec.Struct)

# As for reads (``db.session``): the CASE and both OFFSET 0 keep the function from being called
# before it is known who asks.
CALL: LiteralString = (
    "SELECT answer FROM (SELECT "  # noqa: S608 # made of constants
    + BIND.format(user="$1::text", key="$2::text", proof="$3::text")
    + " AS viewer OFFSET 0) bound CROSS JOIN LATERAL (SELECT CASE WHEN viewer IS NOT NULL"
    " THEN (SELECT row_to_json(r) FROM {call}) END AS answer OFFSET 0) called"
)

REPORT = CALL.replace("{call}", "app.report_lines($4, $5::jsonb, $6, $7) r")
START = CALL.replace(
    "{call}", "app.start_execution($4, $5, $6, $7, $8, $9::jsonb, $10::jsonb, $11) r"
)
CLAIM = CALL.replace("{call}", "app.claim_execution($4, $5) r")
HEARTBEAT = CALL.replace("{call}", "(SELECT app.heartbeat_execution($4, $5) AS cancel_requested) r")
FINISH = CALL.replace("{call}", "app.finish_execution($4, $5, $6::jsonb, $7, $8, $9, $10, $11) r")
CANCEL = CALL.replace("{call}", "app.cancel_execution($4) r")
RETRY = CALL.replace("{call}", "app.retry_execution($4, $5, $6) r")

WORKSPACE_OF: LiteralString = "SELECT app.workspace_of($1)"

REAP = "SELECT execution_id, workspace_id, last_seq, status FROM app.reap_executions($1)"


class Reported(msgspec.Struct, frozen=True):
    """``first_seq`` is greater than ``last_seq`` where no line was new."""

    first_seq: int
    last_seq: int
    inserted: int
    unknown_nodes: list[str]
    cancel_requested: bool


class Run(msgspec.Struct, frozen=True):
    execution_id: UUID
    workspace_id: UUID


class Claimed(msgspec.Struct, frozen=True):
    execution_id: UUID
    workspace_id: UUID
    attempt: int


class Alive(msgspec.Struct, frozen=True):
    cancel_requested: bool


class Ended(msgspec.Struct, frozen=True):
    """``last_seq`` is the number of its last line."""

    workspace_id: UUID
    last_seq: int
    ended: bool = True


class Reaped(msgspec.Struct, frozen=True):
    execution_id: UUID
    workspace_id: UUID
    last_seq: int
    status: str


class Outcome(msgspec.Struct, frozen=True):
    """How an execution ended, as its runtime tells."""

    status: str
    output_data: Json | None = None
    error_message: str | None = None
    error_stack: str | None = None
    duration_ms: int | None = None
    memory_usage_mb: int | None = None


class Start(msgspec.Struct, frozen=True):
    """A run that begins, or with ``queued`` waits for a runtime."""

    workflow_id: UUID
    trigger_type: str
    id: UUID | None = None
    deployment_id: UUID | None = None
    version: int | None = None
    trigger_data: Json | None = None
    input_data: Json | None = None
    queued: bool = False


async def report_lines(
    database: Database,
    viewer: Viewer,
    execution_id: UUID,
    rows: str,
    *,
    nodes: Sequence[str],
    attempt: int | None,
    originals: Sequence[Original] = (),
) -> Reported:
    """``rows`` as ``app.report_lines`` takes them; ``nodes`` are those that they name."""
    values = (execution_id, rows, nodes, attempt)
    found = await _call(database, viewer, REPORT, *values, keep=(execution_id, originals))
    return msgspec.json.decode(found or "", type=Reported)


async def start(
    database: Database, viewer: Viewer, given: Start, originals: Sequence[Original] = ()
) -> Run:
    found = await _call(
        database,
        viewer,
        START,
        given.id,
        given.workflow_id,
        given.deployment_id,
        given.version,
        given.trigger_type,
        given.trigger_data,
        given.input_data,
        given.queued,
        keep=(None, originals),
    )
    return msgspec.json.decode(found or "", type=Run)


async def claim(
    database: Database, viewer: Viewer, deployment_id: UUID | None, lease: timedelta
) -> Claimed | None:
    """The next run of the queue, which is the caller's now; None where nothing waits."""
    found = await _call(database, viewer, CLAIM, deployment_id, lease)
    return msgspec.json.decode(found, type=Claimed) if found else None


async def heartbeat(
    database: Database, viewer: Viewer, execution_id: UUID, attempt: int | None
) -> Alive:
    return await _called(database, viewer, Alive, HEARTBEAT, execution_id, attempt)


async def finish(
    database: Database,
    viewer: Viewer,
    execution_id: UUID,
    outcome: Outcome,
    *,
    attempt: int | None,
    originals: Sequence[Original] = (),
) -> Ended:
    found = await _call(
        database,
        viewer,
        FINISH,
        execution_id,
        outcome.status,
        outcome.output_data,
        outcome.error_message,
        outcome.error_stack,
        outcome.duration_ms,
        outcome.memory_usage_mb,
        attempt,
        keep=(execution_id, originals),
    )
    return msgspec.json.decode(found or "", type=Ended)


async def cancel(database: Database, viewer: Viewer, execution_id: UUID) -> Ended:
    """``ended`` is false where its runtime still has to hear of it."""
    return await _called(database, viewer, Ended, CANCEL, execution_id)


async def retry(
    database: Database, viewer: Viewer, execution_id: UUID, id: UUID | None, *, latest: bool
) -> Run:
    return await _called(database, viewer, Run, RETRY, execution_id, latest, id)


async def workspace_of(database: Database, id: UUID) -> UUID | None:
    """Of an execution, a workflow or a deployment; None where there is none."""
    async with database.working() as transaction:
        return await transaction.value(WORKSPACE_OF, id)


async def reap(url: str, secrets: Secrets, most: int) -> list[Reaped]:
    """End what nobody has heard of for too long; none while another process is at it."""
    with refusal_of():
        connection = await asyncpg.connect(as_login(url, "mcp_maintenance", secrets))
        try:
            return [Reaped(*row) for row in await connection.fetch(REAP, most)]
        finally:
            await connection.close()


async def _called(
    database: Database, viewer: Viewer, kind: type[T], sql: str, *values: object
) -> T:
    return msgspec.json.decode(await _call(database, viewer, sql, *values) or "", type=kind)


async def _call(
    database: Database,
    viewer: Viewer,
    sql: str,
    *values: object,
    keep: tuple[UUID | None, Sequence[Original]] = (None, ()),
) -> str | None:
    """``keep`` are originals to keep in the same transaction, and of which execution they are; None
    for the one that is answered."""
    execution_id, kept = keep
    given = (*database.seal.settings(viewer), *values)
    if not kept:
        return await alone(database.api, sql, given)
    with refusal_of(), tracing.statement(sql):
        async with database.api.connection() as connection:
            async with connection.transaction():
                answer: str = await connection.fetchval(sql, *given)
                id = execution_id or msgspec.json.decode(answer, type=Run).execution_id
                await kept_originals.keep(connection, database.sealing, id, kept)
            return answer
