"""What runtimes and people say about executions in mutations, and what they are answered."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import strawberry

from db import executions
from db.json import Json
from db.logs import LogLevel
from db.originals import Part
from graphql_api.declare import described, enum, made_at_once, related
from graphql_api.types.errors import UserError
from graphql_api.types.executions import Execution
from graphql_api.types.scalars import BigInt
from resolvers.reported import Line


class ExecutionOutcome(StrEnum):
    SUCCESS = "success"
    """It ended well."""
    FAILED = "failed"
    """It ended in an error."""
    CANCELLED = "cancelled"
    """It stopped because somebody asked for it."""
    TIMEOUT = "timeout"
    """It was given up because it took too long."""


enum(ExecutionOutcome, "How an execution can end.")


@described
@strawberry.input(description="An execution that begins.")
class StartExecutionInput:
    workflow_id: strawberry.ID
    """The workflow that is run."""
    deployment_id: strawberry.ID | None = None
    """The deployment that runs it; null for a trial run."""
    version: int | None = None
    """The version that is run; by default the deployment's, or the newest."""
    id: UUID | None = None
    """The execution's id, a UUIDv7 of now made by you, so that asking again is harmless."""
    trigger_type: str = "manual"
    """What started it, such as `webhook`, `schedule` or `manual`."""
    trigger_data: Json | None = None
    """What came with the start."""
    input_data: Json | None = None
    """What it is given. What looks like a secret is masked before it is stored."""
    keep_original: bool = False
    """Keep what is masked or cut also as it was, sealed, for `revealExecution`."""


@made_at_once(Line)
@described
@strawberry.input(description="A line of a log.")
class LogLineInput:
    message: str
    """What it says; at most 65,536 bytes are kept. What looks like a secret is masked."""
    id: UUID | None = None
    """Any UUID, made by you: a line that is sent again is not kept twice. Without it, it is."""
    node_id: str | None = None
    """The node of the workflow that says it."""
    level: LogLevel = LogLevel.INFO
    """How much it matters."""
    metadata: Json | None = None
    """What comes with it, at most 16,384 bytes of JSON."""
    timestamp: datetime | None = None
    """When it was said; by default when it arrives."""


@made_at_once(lines=LogLineInput)
@described
@strawberry.input(description="Lines for the log of an execution.")
class AppendExecutionLogsInput:
    execution_id: strawberry.ID
    """The execution that says them."""
    lines: list[LogLineInput]
    """In the order in which they are to be numbered; at most 1,000."""
    attempt: int | None = None
    """As `claimExecution` told it: refused where the execution was claimed anew since."""
    keep_original: bool = False
    """Keep what is masked or cut also as it was, sealed, for `revealExecution`."""


@described
@strawberry.input(description="An execution that lives.")
class HeartbeatExecutionInput:
    execution_id: strawberry.ID
    """The execution."""
    attempt: int | None = None
    """As `claimExecution` told it: refused where the execution was claimed anew since."""


@described
@strawberry.input(description="How an execution ended.")
class FinishExecutionInput:
    execution_id: strawberry.ID
    """The execution."""
    status: ExecutionOutcome
    """How it ended. That is final."""
    output_data: Json | None = None
    """What it made. What looks like a secret is masked before it is stored."""
    error_message: str | None = None
    """Why it failed."""
    error_stack: str | None = None
    """Where it failed."""
    duration_ms: int | None = None
    """How long it took, in milliseconds; by default the time since it started."""
    memory_usage_mb: int | None = None
    """How much memory it took, in megabytes."""
    attempt: int | None = None
    """As `claimExecution` told it: refused where the execution was claimed anew since."""
    keep_original: bool = False
    """Keep what is masked or cut also as it was, sealed, for `revealExecution`."""


@described
@strawberry.input(description="An execution that a runtime is to run.")
class TriggerExecutionInput:
    workflow_id: strawberry.ID
    """The workflow to run."""
    deployment_id: strawberry.ID | None = None
    """The deployment that is to run it; by default any runtime takes it, in the newest version."""
    input_data: Json | None = None
    """What it is given. What looks like a secret is masked before it is stored."""
    id: UUID | None = None
    """The execution's id, a UUIDv7 of now made by you, so that asking again is harmless."""
    keep_original: bool = False
    """Keep what is masked or cut also as it was, sealed, for `revealExecution`."""


@described
@strawberry.input(description="Which work a runtime takes.")
class ClaimExecutionInput:
    deployment_id: strawberry.ID | None = None
    """Only what this deployment can run; by default whatever waits in your workspaces."""
    lease_seconds: int = 60
    """After so many seconds without a heartbeat or a line another runtime may take it over."""


@described
@strawberry.input(description="What is to be revealed.")
class RevealExecutionInput:
    execution_id: strawberry.ID
    """The execution."""
    seqs: list[BigInt] = strawberry.field(default_factory=list)
    """The lines of its log to reveal too, by their numbers; at most 100."""


_ERRORS = "Why nothing was done; empty if it was."


@described
@strawberry.type
class _Done:
    errors: list[UserError] = strawberry.field(description=_ERRORS)
    execution_id: strawberry.Private[UUID | None] = None
    execution: Execution | None = related(executions.BY_ID, id="execution_id")
    """The execution as it is now; null if you may not read it."""


@strawberry.type(description="The answer to `startExecution`.")
class StartExecutionPayload(_Done):
    pass


@strawberry.type(description="The answer to `triggerExecution`.")
class TriggerExecutionPayload(_Done):
    pass


@strawberry.type(description="The answer to `retryExecution`: the new execution.")
class RetryExecutionPayload(_Done):
    pass


@strawberry.type(description="The answer to `finishExecution`.")
class FinishExecutionPayload(_Done):
    pass


@described
@strawberry.type(description="The answer to `cancelExecution`.")
class CancelExecutionPayload(_Done):
    ended: bool = False
    """Whether it has ended; if not, its runtime hears of it at its next call."""


@described
@strawberry.type(description="The answer to `heartbeatExecution`.")
class HeartbeatExecutionPayload(_Done):
    cancel_requested: bool = False
    """Whether somebody wants it to stop: then finish it, as `CANCELLED`."""


@described
@strawberry.type(description="The answer to `claimExecution`; no execution where nothing waits.")
class ClaimExecutionPayload(_Done):
    attempt: int | None = None
    """How often it was claimed, this time included. Send it along with all that you report."""


@described
@strawberry.type(description="A line that could not be kept as it was sent.")
class LogLineWarning:
    line: int
    """Which of the lines sent, from 0."""
    code: str
    """What became of it, in capitals. Never changes."""
    message: str
    """The same in a sentence for people."""

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        return True


@described
@strawberry.type(description="The answer to `appendExecutionLogs`.")
class AppendExecutionLogsPayload(_Done):
    first_seq: BigInt | None = None
    """The number of the first new line; null where none was new."""
    last_seq: BigInt | None = None
    """The number of the last line of the log."""
    appended: int = 0
    """How many lines were new."""
    duplicates: int = 0
    """How many were known already, and were left out."""
    truncated: int = 0
    """How many were too long, and were cut; where, is written in them."""
    masked: int = 0
    """How many had something in them that looked like a secret."""
    warnings: list[LogLineWarning] = strawberry.field(default_factory=list)
    """What was changed about lines that were kept."""
    cancel_requested: bool = False
    """Whether somebody wants the execution to stop: then finish it, as `CANCELLED`."""


enum(Part, "A part of an execution that may be kept as it was.")


@described
@strawberry.type(description="Something of an execution as it was before it was masked or cut.")
class ExecutionOriginal:
    part: Part
    """What of it."""
    seq: BigInt | None
    """The number of the line; null where it is none."""
    value: Json | None
    """As it was; null where it was sealed with a key that is no longer known."""

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        return True


@described
@strawberry.type(description="The answer to `revealExecution`.")
class RevealExecutionPayload(_Done):
    originals: list[ExecutionOriginal] = strawberry.field(default_factory=list)
    """What was kept as it was. What is not there was not masked, or nobody asked to keep it."""


@described
@strawberry.type(description="The answer to `cancelExecutions`.")
class CancelExecutionsPayload:
    errors: list[UserError]
    """Why nothing was done at all; empty if each has its own answer."""
    results: list[CancelExecutionPayload] = strawberry.field(default_factory=list)
    """The answer for each id, in its place."""


@described
@strawberry.type(description="The answer to `retryExecutions`.")
class RetryExecutionsPayload:
    errors: list[UserError]
    """Why nothing was done at all; empty if each has its own answer."""
    results: list[RetryExecutionPayload] = strawberry.field(default_factory=list)
    """The answer for each id, in its place."""
