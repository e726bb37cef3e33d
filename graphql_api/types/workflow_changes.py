"""The mutations of workflows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar
from uuid import UUID

import strawberry

from db import workflows
from db.json import Json
from db.workflows import WorkflowStatus
from graphql_api.declare import described, named, related
from graphql_api.types.errors import UserError, told
from graphql_api.types.workflows import Workflow
from resolvers import workflow_changes as changes
from resolvers.context import Context, Info
from resolvers.errors import Refusal
from resolvers.workflow_changes import Details

T = TypeVar("T")
Given = Annotated[T, strawberry.argument(description="What and how.")]
Id = Annotated[
    strawberry.ID, strawberry.argument(description="The workflow: its global or database id.")
]
Ids = Annotated[
    list[strawberry.ID], strawberry.argument(description="The workflows; at most 100 at once.")
]


@described
@strawberry.input(description="A workflow to be made.")
class CreateWorkflowInput:
    workspace_id: strawberry.ID
    """The workspace that is to have it."""
    name: str
    """What people see; at most 255 characters."""
    definition: Json
    """The graph of its first version: `nodes` and `edges`."""
    description: str | None = None
    """What it does; at most 10,000 characters."""
    tags: list[str] | None = None
    """Words to find it by: at most 50 of at most 64 characters."""
    timeout_seconds: int | None = None
    """How long an execution may be silent before it is given up: 10 to 2,592,000, else 3,600."""
    changelog: str | None = None
    """What is to be said of the first version."""


@described
@strawberry.input(description="What is to change of a workflow; what is left out stays as it is.")
class UpdateWorkflowInput:
    workflow_id: strawberry.ID
    """The workflow."""
    expected_version: int | None = None
    """The version that you changed. Needed with `definition`; if another is current, nothing is
    done, and `VersionConflictError` tells what changed in between."""
    name: str | None = None
    """What people see; at most 255 characters."""
    description: str | None = strawberry.UNSET
    """What it does; null for nothing."""
    tags: list[str] | None = None
    """All of its tags, instead of those it has."""
    timeout_seconds: int | None = None
    """How long an execution may be silent before it is given up: 10 to 2,592,000."""
    definition: Json | None = None
    """The graph: a new version, unless it is the current one."""
    changelog: str | None = None
    """What changed, for whoever reads the versions later."""


@described
@strawberry.input(description="A version to go back to.")
class RestoreWorkflowVersionInput:
    workflow_id: strawberry.ID
    """The workflow."""
    version: int
    """The number of the version whose definition is to be current again."""
    expected_version: int | None = None
    """The version that you know as current; if another is, nothing is done."""
    changelog: str | None = None
    """What is to be said of the new version."""


@described
@strawberry.input(description="Where a workflow is to be in its life.")
class SetWorkflowStatusInput:
    workflow_id: strawberry.ID
    """The workflow."""
    status: WorkflowStatus
    """The new state. What is deployed is active; an active one is no draft again."""


@described
@strawberry.input(description="A workflow to be copied.")
class DuplicateWorkflowInput:
    workflow_id: strawberry.ID
    """The workflow."""
    name: str | None = None
    """The name of the copy; by default `Copy of …`."""
    version: int | None = None
    """The version to be copied; by default the current one."""


@described
@strawberry.input(description="Tags to be put on workflows and taken off them.")
class TagWorkflowsInput:
    ids: list[strawberry.ID]
    """The workflows; at most 100."""
    add: list[str] = strawberry.field(default_factory=list)
    """Tags that they are to have; those they have already stay once."""
    remove: list[str] = strawberry.field(default_factory=list)
    """Tags that they are not to have any more."""


_ERRORS = "Why nothing was done; empty if it was."


@described
@strawberry.type
class _Changed:
    errors: list[UserError] = strawberry.field(description=_ERRORS)
    workflow_id: strawberry.Private[UUID | None] = None
    workflow: Workflow | None = related(workflows.BY_ID, id="workflow_id")
    """The workflow as it is now; null if you may not read it."""


@strawberry.type(description="The answer to `createWorkflow`.")
class CreateWorkflowPayload(_Changed):
    pass


@strawberry.type(description="The answer to `updateWorkflow`.")
class UpdateWorkflowPayload(_Changed):
    pass


@strawberry.type(description="The answer to `restoreWorkflowVersion`.")
class RestoreWorkflowVersionPayload(_Changed):
    pass


@strawberry.type(description="The answer to `setWorkflowStatus`.")
class SetWorkflowStatusPayload(_Changed):
    pass


@strawberry.type(description="The answer to `duplicateWorkflow`: the copy, a draft.")
class DuplicateWorkflowPayload(_Changed):
    pass


@strawberry.type(description="The answer to `restoreWorkflow`.")
class RestoreWorkflowPayload(_Changed):
    pass


@strawberry.type(description="What became of one workflow of several.")
class ChangedWorkflowPayload(_Changed):
    pass


@described
@strawberry.type(description="The answer to `deleteWorkflow`.")
class DeleteWorkflowPayload:
    errors: list[UserError] = strawberry.field(description=_ERRORS)
    deleted_id: strawberry.ID | None = None
    """The id of the workflow that was deleted, as it was given."""


@described
@strawberry.type
class _ChangedAll:
    errors: list[UserError] = strawberry.field(
        description="Why nothing was done at all; empty if each has its own answer."
    )
    results: list[ChangedWorkflowPayload] = strawberry.field(default_factory=list)
    """The answer for each id, in its place."""


@strawberry.type(description="The answer to `tagWorkflows`.")
class TagWorkflowsPayload(_ChangedAll):
    pass


@strawberry.type(description="The answer to `archiveWorkflows`.")
class ArchiveWorkflowsPayload(_ChangedAll):
    pass


P = TypeVar("P", bound=_Changed)
A = TypeVar("A", bound=_ChangedAll)


@strawberry.type
class WorkflowMutations:
    @strawberry.mutation(description="Make a workflow, a draft with one version.")
    async def create_workflow(
        self, info: Info, input: Given[CreateWorkflowInput]
    ) -> CreateWorkflowPayload:
        try:
            id = await changes.create(
                info.context,
                named("Workspace", input.workspace_id, ("input", "workspaceId")),
                Details(input.name, input.description, input.tags, input.timeout_seconds),
                input.definition,
                input.changelog,
            )
        except Refusal as refusal:
            return CreateWorkflowPayload(errors=told(refusal))
        return CreateWorkflowPayload(errors=[], workflow_id=id)

    @strawberry.mutation(
        description="Change a workflow: all that is given, or nothing. A changed definition is a"
        " new version."
    )
    async def update_workflow(
        self, info: Info, input: Given[UpdateWorkflowInput]
    ) -> UpdateWorkflowPayload:
        clears = input.description is None
        details = Details(
            input.name, input.description or None, input.tags, input.timeout_seconds, clears
        )

        async def change(id: UUID) -> None:
            await changes.update(
                info.context,
                id,
                input.expected_version,
                details,
                definition=input.definition,
                changelog=input.changelog,
            )

        return await _changed(UpdateWorkflowPayload, input.workflow_id, change)

    @strawberry.mutation(
        description="Make the definition of an earlier version current again, as a new version."
    )
    async def restore_workflow_version(
        self, info: Info, input: Given[RestoreWorkflowVersionInput]
    ) -> RestoreWorkflowVersionPayload:
        async def change(id: UUID) -> None:
            await changes.restore_version(
                info.context, id, input.expected_version, input.version, input.changelog
            )

        return await _changed(RestoreWorkflowVersionPayload, input.workflow_id, change)

    @strawberry.mutation(description="Put a workflow into use, set it aside, or put it away.")
    async def set_workflow_status(
        self, info: Info, input: Given[SetWorkflowStatusInput]
    ) -> SetWorkflowStatusPayload:
        async def change(id: UUID) -> None:
            await changes.set_status(info.context, id, input.status.value)

        return await _changed(SetWorkflowStatusPayload, input.workflow_id, change)

    @strawberry.mutation(description="Make a copy of a workflow in the same workspace.")
    async def duplicate_workflow(
        self, info: Info, input: Given[DuplicateWorkflowInput]
    ) -> DuplicateWorkflowPayload:
        async def change(id: UUID) -> UUID:
            return await changes.duplicate(info.context, id, input.version, input.name)

        return await _changed(DuplicateWorkflowPayload, input.workflow_id, change)

    @strawberry.mutation(description="Put tags on several workflows and take others off.")
    async def tag_workflows(
        self, info: Info, input: Given[TagWorkflowsInput]
    ) -> TagWorkflowsPayload:
        async def change(id: UUID) -> None:
            await changes.tag(info.context, id, input.add, input.remove, ("input", "ids"))

        return await _changed_all(
            TagWorkflowsPayload, info.context, input.ids, change, ("input", "ids")
        )

    @strawberry.mutation(description="Put several workflows away, each for itself.")
    async def archive_workflows(self, info: Info, ids: Ids) -> ArchiveWorkflowsPayload:
        async def change(id: UUID) -> None:
            await changes.set_status(info.context, id, WorkflowStatus.ARCHIVED, ("ids",))

        return await _changed_all(ArchiveWorkflowsPayload, info.context, ids, change, ("ids",))

    @strawberry.mutation(
        description="Delete a workflow that is not deployed: it is out of sight, and its executions"
        " end. An admin can restore it for 30 days; then it is gone with all that it ran."
    )
    async def delete_workflow(self, info: Info, id: Id) -> DeleteWorkflowPayload:
        try:
            await changes.delete(info.context, named("Workflow", id, ("id",)))
        except Refusal as refusal:
            return DeleteWorkflowPayload(errors=told(refusal))
        return DeleteWorkflowPayload(errors=[], deleted_id=id)

    @strawberry.mutation(description="Give a deleted workflow back, as it was.")
    async def restore_workflow(self, info: Info, id: Id) -> RestoreWorkflowPayload:
        async def change(found: UUID) -> None:
            await changes.restore(info.context, found)

        return await _changed(RestoreWorkflowPayload, id, change, ("id",))


async def _changed(
    payload: type[P],
    id: strawberry.ID,
    change: Callable[[UUID], Awaitable[UUID | None]],
    path: tuple[str, ...] = ("input", "workflowId"),
) -> P:
    """The payload after the change, of the workflow that it answers or that it was made to."""
    try:
        found = named("Workflow", id, path)
        made = await change(found)
    except Refusal as refusal:
        return payload(errors=told(refusal))
    return payload(errors=[], workflow_id=made or found)


async def _changed_all(
    payload: type[A],
    context: Context,
    ids: list[strawberry.ID],
    change: Callable[[UUID], Awaitable[None]],
    path: tuple[str, ...],
) -> A:
    """Each for itself: one that is refused holds up no other."""
    try:
        context.signed_in()
        changes.check_bulk(ids, path)
    except Refusal as refusal:
        return payload(errors=told(refusal))
    results = [await _changed(ChangedWorkflowPayload, id, change, path) for id in ids]
    return payload(errors=[], results=results)
