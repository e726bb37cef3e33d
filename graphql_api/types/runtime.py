"""The mutations of executions: what runtimes report, and what people ask of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, TypeVar, cast
from uuid import UUID

import strawberry

from db.runtime import Outcome, Start
from graphql_api.declare import read_id
from graphql_api.types.errors import told
from graphql_api.types.reports import (
    AppendExecutionLogsInput,
    AppendExecutionLogsPayload,
    CancelExecutionPayload,
    CancelExecutionsPayload,
    ClaimExecutionInput,
    ClaimExecutionPayload,
    ExecutionOriginal,
    FinishExecutionInput,
    FinishExecutionPayload,
    HeartbeatExecutionInput,
    HeartbeatExecutionPayload,
    LogLineWarning,
    RetryExecutionPayload,
    RetryExecutionsPayload,
    RevealExecutionInput,
    RevealExecutionPayload,
    StartExecutionInput,
    StartExecutionPayload,
    TriggerExecutionInput,
    TriggerExecutionPayload,
)
from graphql_api.types.scalars import BigInt
from resolvers import executions as runs
from resolvers.context import Context, Info
from resolvers.errors import NotFound, Refusal
from resolvers.reported import Line

T = TypeVar("T")
Given = Annotated[T, strawberry.argument(description="What and how.")]
Id = Annotated[
    strawberry.ID, strawberry.argument(description="The execution: its global or database id.")
]
Ids = Annotated[list[strawberry.ID], strawberry.argument(description="At most 100 executions.")]
Latest = Annotated[
    bool,
    strawberry.argument(description="Run the newest version, not the one that was run before."),
]
NewId = Annotated[
    UUID | None,
    strawberry.argument(
        description="The new execution's id, so that asking again is harmless: a UUIDv7 of now."
    ),
]


@strawberry.type
class RuntimeMutations:
    @strawberry.mutation(
        description="Report that an execution begins. Needs the scope `executions:write`, or an"
        " editor; so does all the rest about executions."
    )
    async def start_execution(
        self, info: Info, input: Given[StartExecutionInput]
    ) -> StartExecutionPayload:
        try:
            id = await runs.start(
                info.context,
                Start(
                    _read("Workflow", input.workflow_id, "workflowId"),
                    input.trigger_type,
                    input.id,
                    _deployment(input.deployment_id),
                    input.version,
                    input.trigger_data,
                    input.input_data,
                ),
                keep_originals=input.keep_original,
            )
        except Refusal as refusal:
            return StartExecutionPayload(errors=told(refusal))
        return StartExecutionPayload(errors=[], execution_id=id)

    @strawberry.mutation(
        description="Append up to 1,000 lines to the log of an execution. Needs the scope"
        " `logs:write`, or an editor. Sending the same lines again is harmless."
    )
    async def append_execution_logs(
        self, info: Info, input: Given[AppendExecutionLogsInput]
    ) -> AppendExecutionLogsPayload:
        try:
            id = _execution(input.execution_id)
            kept = await runs.append_lines(
                info.context,
                id,
                cast("list[Line]", input.lines),  # ``made_at_once``
                input.attempt,
                keep_originals=input.keep_original,
            )
        except Refusal as refusal:
            return AppendExecutionLogsPayload(errors=told(refusal))
        return AppendExecutionLogsPayload(
            errors=[],
            execution_id=id,
            first_seq=None if kept.first_seq is None else BigInt(kept.first_seq),
            last_seq=BigInt(kept.last_seq),
            appended=kept.appended,
            duplicates=kept.duplicates,
            truncated=kept.truncated,
            masked=kept.masked,
            warnings=[LogLineWarning(**each._asdict()) for each in kept.warned],
            cancel_requested=kept.cancel_requested,
        )

    @strawberry.mutation(
        description="Report that an execution lives, where it has nothing to log. One that is"
        " silent for longer than its workflow allows is given up."
    )
    async def heartbeat_execution(
        self, info: Info, input: Given[HeartbeatExecutionInput]
    ) -> HeartbeatExecutionPayload:
        try:
            id = _execution(input.execution_id)
            stop = await runs.heartbeat(info.context, id, input.attempt)
        except Refusal as refusal:
            return HeartbeatExecutionPayload(errors=told(refusal))
        return HeartbeatExecutionPayload(errors=[], execution_id=id, cancel_requested=stop)

    @strawberry.mutation(
        description="Report how an execution ended. That is final; saying the same again is"
        " harmless."
    )
    async def finish_execution(
        self, info: Info, input: Given[FinishExecutionInput]
    ) -> FinishExecutionPayload:
        try:
            id = _execution(input.execution_id)
            outcome = Outcome(
                input.status.value,
                input.output_data,
                input.error_message,
                input.error_stack,
                input.duration_ms,
                input.memory_usage_mb,
            )
            await runs.finish(
                info.context, id, outcome, input.attempt, keep_originals=input.keep_original
            )
        except Refusal as refusal:
            return FinishExecutionPayload(errors=told(refusal))
        return FinishExecutionPayload(errors=[], execution_id=id)

    @strawberry.mutation(
        description="Run a workflow: the execution waits until a runtime takes it, by"
        " `claimExecution`."
    )
    async def trigger_execution(
        self, info: Info, input: Given[TriggerExecutionInput]
    ) -> TriggerExecutionPayload:
        try:
            id = await runs.start(
                info.context,
                Start(
                    _read("Workflow", input.workflow_id, "workflowId"),
                    "manual",
                    input.id,
                    _deployment(input.deployment_id),
                    input_data=input.input_data,
                    queued=True,
                ),
                keep_originals=input.keep_original,
            )
        except Refusal as refusal:
            return TriggerExecutionPayload(errors=told(refusal))
        return TriggerExecutionPayload(errors=[], execution_id=id)

    @strawberry.mutation(
        description="Take the execution that has waited longest. It is yours for as long as you"
        " report something now and then; of several who ask, each gets another."
    )
    async def claim_execution(
        self, info: Info, input: Given[ClaimExecutionInput | None] = None
    ) -> ClaimExecutionPayload:
        wanted = input or ClaimExecutionInput()
        try:
            claimed = await runs.claim(
                info.context, _deployment(wanted.deployment_id), wanted.lease_seconds
            )
        except Refusal as refusal:
            return ClaimExecutionPayload(errors=told(refusal))
        if claimed is None:
            return ClaimExecutionPayload(errors=[])
        return ClaimExecutionPayload(
            errors=[], execution_id=claimed.execution_id, attempt=claimed.attempt
        )

    @strawberry.mutation(
        description="Show what was masked or cut of an execution, where it was kept as it was."
        " Needs the owner of the workspace, or the scope `executions:raw`. Who saw it is in the"
        " audit log."
    )
    async def reveal_execution(
        self, info: Info, input: Given[RevealExecutionInput]
    ) -> RevealExecutionPayload:
        try:
            id = _execution(input.execution_id)
            found = await runs.reveal(info.context, id, input.seqs)
        except Refusal as refusal:
            return RevealExecutionPayload(errors=told(refusal))
        return RevealExecutionPayload(
            errors=[],
            execution_id=id,
            originals=[
                ExecutionOriginal(
                    part=each.part,
                    seq=None if each.seq is None else BigInt(each.seq),
                    value=each.value,
                )
                for each in found
            ],
        )

    @strawberry.mutation(
        description="Ask an execution to stop. One that waits in the queue ends at once; of any"
        " other the runtime is told at its next call."
    )
    async def cancel_execution(self, info: Info, id: Id) -> CancelExecutionPayload:
        return await _cancelled(info.context, id)

    @strawberry.mutation(description="Ask several executions to stop, each for itself.")
    async def cancel_executions(self, info: Info, ids: Ids) -> CancelExecutionsPayload:
        try:
            runs.check_bulk(ids)
        except Refusal as refusal:
            return CancelExecutionsPayload(errors=told(refusal))
        return CancelExecutionsPayload(
            errors=[], results=[await _cancelled(info.context, id) for id in ids]
        )

    @strawberry.mutation(
        description="Run an execution that has ended again: a new one, with the same input, waits"
        " until a runtime takes it."
    )
    async def retry_execution(
        self, info: Info, id: Id, latest: Latest = False, new_id: NewId = None
    ) -> RetryExecutionPayload:
        return await _retried(info.context, id, new_id, latest=latest)

    @strawberry.mutation(description="Run several executions again, each for itself.")
    async def retry_executions(
        self, info: Info, ids: Ids, latest: Latest = False
    ) -> RetryExecutionsPayload:
        try:
            runs.check_bulk(ids)
        except Refusal as refusal:
            return RetryExecutionsPayload(errors=told(refusal))
        return RetryExecutionsPayload(
            errors=[],
            results=[await _retried(info.context, id, None, latest=latest) for id in ids],
        )


async def _cancelled(context: Context, id: strawberry.ID) -> CancelExecutionPayload:
    try:
        found = _read("Execution", id, "id", inside=())
        ended = await runs.cancel(context, found)
    except Refusal as refusal:
        return CancelExecutionPayload(errors=told(refusal))
    return CancelExecutionPayload(errors=[], execution_id=found, ended=ended)


async def _retried(
    context: Context, id: strawberry.ID, new_id: UUID | None, *, latest: bool
) -> RetryExecutionPayload:
    try:
        found = _read("Execution", id, "id", inside=())
        made = await runs.retry(context, found, new_id, latest=latest)
    except Refusal as refusal:
        return RetryExecutionPayload(errors=told(refusal))
    return RetryExecutionPayload(errors=[], execution_id=made)


def _execution(id: strawberry.ID) -> UUID:
    return _read("Execution", id, "executionId")


def _deployment(id: strawberry.ID | None) -> UUID | None:
    return None if id is None else _read("Deployment", id, "deploymentId")


def _read(
    type_name: str, id: strawberry.ID, field: str, inside: Sequence[str] = ("input",)
) -> UUID:
    found = read_id(type_name, id)
    if found is None:
        raise NotFound(
            f"There is no such {type_name.lower()}, or you may not see it.", (*inside, field)
        )
    return found
