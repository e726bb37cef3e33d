"""What is done to executions: by the runtimes that report them, and by people.

Whoever watches is told after the commit.
"""

import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from db import originals as kept_originals
from db import runtime
from db.errors import BadValue, RuleBroken
from db.json import Json
from db.originals import Part, Revealed
from db.runtime import Claimed, Outcome, Run, Start
from resolvers import metrics, reported
from resolvers.context import Context
from resolvers.errors import InvalidInput
from resolvers.redaction import Redaction
from resolvers.reported import Line, Warned
from resolvers.rules import refusal_for

MOST_LINES = 1_000
MOST_AT_ONCE = 100
EARLIEST, LATEST = timedelta(days=-1), timedelta(minutes=5)
"""How far from now an id that a client made may say it was made."""
LONGEST_TRIGGER = 100
LEASE = timedelta(seconds=60)
SHORTEST_LEASE, LONGEST_LEASE = timedelta(seconds=5), timedelta(days=1)
MOST_REAPED = 500

PATHS = {
    "deployments_of_workflow": ("input", "deploymentId"),
    "deployments_running": ("input", "deploymentId"),
    "deployments_visible": ("input", "deploymentId"),
    "deployments_version": ("input", "version"),
    "workflow_versions_visible": ("input", "version"),
    "workflows_visible": ("input", "workflowId"),
    "workflows_archived": ("input", "workflowId"),
    "executions_id_free": ("input", "id"),
    "execution_jobs_attempt": ("input", "attempt"),
}
"""The input that each rule is about; any other is about the execution."""


class Appended(NamedTuple):
    """What became of the lines. ``first_seq`` is None where none was new."""

    first_seq: int | None
    last_seq: int
    appended: int
    duplicates: int
    truncated: int
    masked: int
    warned: list[Warned]
    cancel_requested: bool


async def start(context: Context, given: Start, *, keep_originals: bool = False) -> UUID:
    """Begin an execution, or put it in the queue. The id of the one there is, if it is known.

    With ``keep_originals``, here and below, what is masked is also kept as it was, sealed.
    """
    context.signed_in()
    _check_id(given.id)
    _check_trigger(given.trigger_type)
    if given.queued and given.input_data is not None:
        _check_input(given.input_data)
    redaction = await _redaction(context, given.workflow_id)
    kept = Start(
        given.workflow_id,
        redaction.text(given.trigger_type)[:LONGEST_TRIGGER],
        given.id,
        given.deployment_id,
        given.version,
        reported.data(given.trigger_data, redaction),
        reported.data(given.input_data, redaction),
        given.queued,
    )
    originals = [
        *reported.original(Part.TRIGGER_DATA, given.trigger_data, kept.trigger_data),
        *reported.original(Part.INPUT_DATA, given.input_data, kept.input_data),
    ]
    with _obeying():
        async with context.changing():
            run = await runtime.start(
                context.resources.database,
                context.asker.viewer,
                kept,
                originals if keep_originals else (),
            )
    _tell_begin(context, run)
    return run.execution_id


async def append_lines(
    context: Context,
    execution_id: UUID,
    lines: Sequence[Line],
    attempt: int | None = None,
    *,
    keep_originals: bool = False,
) -> Appended:
    """Append lines to the log; those whose ids it knows are left out."""
    context.signed_in()
    if len(lines) > MOST_LINES:
        raise InvalidInput(
            f"{len(lines)} lines are too many; send at most {MOST_LINES} at once.",
            ("input", "lines"),
        )
    redaction = await _redaction(context, execution_id)
    made = reported.prepare(lines, redaction, keep_originals=keep_originals)
    with _obeying():
        async with context.changing():
            kept = await runtime.report_lines(
                context.resources.database,
                context.asker.viewer,
                execution_id,
                made.rows,
                nodes=made.nodes,
                attempt=attempt,
                originals=made.originals,
            )
    metrics.INGESTED.inc(kept.inserted)
    if kept.inserted:
        context.resources.streams.wake(execution_id, kept.last_seq)
    warned = made.warned + reported.strangers(lines, kept.unknown_nodes)
    return Appended(
        kept.first_seq if kept.inserted else None,
        kept.last_seq,
        kept.inserted,
        len(lines) - kept.inserted,
        made.truncated,
        made.masked,
        sorted(warned),
        kept.cancel_requested,
    )


async def heartbeat(context: Context, execution_id: UUID, attempt: int | None) -> bool:
    """The execution lives. Whether somebody wants it to stop."""
    context.signed_in()
    with _obeying():
        async with context.changing():
            alive = await runtime.heartbeat(
                context.resources.database, context.asker.viewer, execution_id, attempt
            )
    return alive.cancel_requested


async def finish(
    context: Context,
    execution_id: UUID,
    outcome: Outcome,
    attempt: int | None,
    *,
    keep_originals: bool = False,
) -> None:
    """The execution has ended; to say the same again is harmless."""
    context.signed_in()
    _check_number(outcome.duration_ms, "durationMs")
    _check_number(outcome.memory_usage_mb, "memoryUsageMb")
    redaction = await _redaction(context, execution_id)
    kept = Outcome(
        outcome.status,
        reported.data(outcome.output_data, redaction),
        reported.text(outcome.error_message, redaction),
        reported.text(outcome.error_stack, redaction),
        outcome.duration_ms,
        outcome.memory_usage_mb,
    )
    originals = [
        *reported.original(Part.OUTPUT_DATA, outcome.output_data, kept.output_data),
        *reported.original(Part.ERROR_MESSAGE, outcome.error_message, kept.error_message),
        *reported.original(Part.ERROR_STACK, outcome.error_stack, kept.error_stack),
    ]
    with _obeying():
        async with context.changing():
            ended = await runtime.finish(
                context.resources.database,
                context.asker.viewer,
                execution_id,
                kept,
                attempt=attempt,
                originals=originals if keep_originals else (),
            )
    _tell_end(context, execution_id, ended)


async def reveal(context: Context, execution_id: UUID, seqs: Sequence[int]) -> list[Revealed]:
    """What was masked of the execution, and of these lines of it, as it was."""
    context.signed_in()
    if len(seqs) > MOST_AT_ONCE:
        raise InvalidInput(f"At most {MOST_AT_ONCE} lines at once.", ("input", "seqs"))
    with _obeying():
        async with context.writing() as transaction:
            sealing = context.resources.database.sealing
            return await kept_originals.reveal(transaction, sealing, execution_id, seqs)


async def cancel(context: Context, execution_id: UUID) -> bool:
    """Ask the execution to stop. Whether it has ended already, because it waited in the queue."""
    context.signed_in()
    with _obeying(("id",)):
        async with context.changing():
            ended = await runtime.cancel(
                context.resources.database, context.asker.viewer, execution_id
            )
    _tell_end(context, execution_id, ended)
    return ended.ended


async def claim(context: Context, deployment_id: UUID | None, seconds: int) -> Claimed | None:
    """Take the next execution of the queue; None where nothing waits."""
    context.signed_in()
    lease = timedelta(seconds=seconds)
    if not SHORTEST_LEASE <= lease <= LONGEST_LEASE:
        raise InvalidInput("A lease lasts between 5 seconds and a day.", ("input", "leaseSeconds"))
    with _obeying():
        async with context.changing():
            claimed = await runtime.claim(
                context.resources.database, context.asker.viewer, deployment_id, lease
            )
    if claimed:
        _tell_begin(context, claimed)
    return claimed


async def retry(context: Context, execution_id: UUID, id: UUID | None, *, latest: bool) -> UUID:
    """Queue a new execution with the input of one that has ended. Its id."""
    context.signed_in()
    _check_id(id)
    with _obeying(("id",)):
        async with context.changing():
            run = await runtime.retry(
                context.resources.database, context.asker.viewer, execution_id, id, latest=latest
            )
    _tell_begin(context, run)
    return run.execution_id


async def _redaction(context: Context, id: UUID) -> Redaction:
    """What is hidden of what this execution, or a run of this workflow, reports."""
    return await context.resources.known.redaction(context.resources.database, id)


def check_bulk(ids: Sequence[object]) -> None:
    if len(ids) > MOST_AT_ONCE:
        raise InvalidInput(f"At most {MOST_AT_ONCE} executions at once.", ("ids",))


def _tell_begin(context: Context, run: Run | Claimed) -> None:
    context.resources.known.place(run.execution_id, run.workspace_id)
    context.resources.streams.touch(run.execution_id, run.workspace_id)


def _tell_end(context: Context, execution_id: UUID, ended: runtime.Ended) -> None:
    streams = context.resources.streams
    if ended.ended:
        streams.wake(execution_id, ended.last_seq, closed=True)
    streams.touch(execution_id, ended.workspace_id)


@contextmanager
def _obeying(path: Sequence[str] = ("input", "executionId")) -> Generator[None]:
    try:
        yield
    except RuleBroken as broken:
        raise refusal_for(broken, PATHS.get(broken.rule, path)) from broken
    except BadValue as bad:
        raise InvalidInput("A value is out of range.", ("input",)) from bad


def _check_id(id: UUID | None) -> None:
    if id is None:
        return
    if id.version != 7:  # noqa: PLR2004
        raise InvalidInput("The id must be a UUIDv7.", ("input", "id"))
    since_now = (id.int >> 80) / 1000 - time.time()
    if not EARLIEST.total_seconds() <= since_now <= LATEST.total_seconds():
        raise InvalidInput(
            "The id's time must be at most a day ago and at most five minutes ahead.",
            ("input", "id"),
        )


def _check_trigger(trigger_type: str) -> None:
    if not 0 < len(trigger_type.strip()) <= len(trigger_type) <= LONGEST_TRIGGER:
        raise InvalidInput(
            f"A trigger type has between 1 and {LONGEST_TRIGGER} characters.",
            ("input", "triggerType"),
        )
    if not trigger_type.isprintable():
        raise InvalidInput("A trigger type is a line of text.", ("input", "triggerType"))


def _check_input(written: Json) -> None:
    """What a runtime will work on is kept whole or not at all."""
    if len(written.encode()) > reported.LARGEST_DATA:
        raise InvalidInput(
            f"The input may have {reported.LARGEST_DATA} bytes.", ("input", "inputData")
        )


def _check_number(number: int | None, name: str) -> None:
    if number is not None and number < 0:
        raise InvalidInput(f"{name} cannot be negative.", ("input", name))
