"""What changed between two definitions of a workflow, and what is wrong with one."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, cast

import strawberry
from msgspec import UNSET

from db.json import Json
from graphql_api.declare import described, enum, named, rowless
from graphql_api.types.errors import UserError, telling
from graphql_api.types.imports import Diagnostic
from graphql_api.types.versions import WorkflowVersion
from resolvers import definitions, exact_json
from resolvers import workflow_changes as changes
from resolvers.context import Info
from resolvers.definitions import InvalidDefinition
from resolvers.diff import Change, ValueChange
from resolvers.workflow_changes import VersionConflict

if TYPE_CHECKING:
    from collections.abc import Sequence


class ChangeSubject(StrEnum):
    NODE = "node"
    """A node."""
    EDGE = "edge"
    """An edge."""
    NOTE = "note"
    """A note on the drawing."""
    CONFIG = "config"
    """The settings of the whole workflow."""


class ChangeKind(StrEnum):
    ADDED = "added"
    """It was not there before."""
    REMOVED = "removed"
    """It is not there any more."""
    CHANGED = "changed"
    """It is another than before."""


enum(ChangeSubject, "What part of a definition changed.")
enum(ChangeKind, "How a part of a definition changed.")

Change_ = strawberry.Parent[Any]


def _written(part: object) -> Json | None:
    return None if part is None or part is UNSET else Json(exact_json.write(part).decode())


def _before(root: Change_) -> Json | None:
    return _written(cast("Change | ValueChange", root).before)


def _after(root: Change_) -> Json | None:
    return _written(cast("Change | ValueChange", root).after)


def _kind(root: Change_) -> ChangeKind:
    if root.before is None:
        return ChangeKind.ADDED
    return ChangeKind.REMOVED if root.after is None else ChangeKind.CHANGED


def _part_id(root: Change_) -> str | None:
    return getattr(root.after or root.before, "id", None)


class _Anything:
    """Shown of whatever has these attributes."""

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        return True


@described
@strawberry.type(description="A value inside a part that changed.")
class WorkflowValueChange(_Anything):
    pointer: str
    """Where in the part: a JSON pointer (RFC 6901)."""
    before: Json | None = strawberry.field(
        resolver=_before, description="The value before; null where there was none."
    )
    after: Json | None = strawberry.field(
        resolver=_after, description="The value after; null where there is none."
    )


@described
@strawberry.type(description="A part of a definition that was added, removed or changed.")
class WorkflowChange(_Anything):
    subject: ChangeSubject
    """What it is."""
    kind: ChangeKind = strawberry.field(resolver=_kind, description="What became of it.")
    part_id: str | None = strawberry.field(
        resolver=_part_id, description="The id of the node or note; edges have none."
    )
    pointer: str
    """Where it is: a JSON pointer into the definition after, of what was removed before."""
    before: Json | None = strawberry.field(
        resolver=_before, description="The part before; null if it was added."
    )
    after: Json | None = strawberry.field(
        resolver=_after, description="The part after; null if it was removed."
    )
    values: list[WorkflowValueChange]
    """The values that differ, of a part that is there before and after."""


@described
@strawberry.type(description="What changed from one version of a workflow to another.")
class WorkflowDiff:
    from_version: int
    """The number of the version compared with."""
    to_version: int
    """The number of the version compared."""
    changes: list[WorkflowChange]
    """Nodes, edges, notes and settings that were added, removed or changed. The order in which
    parts stand is no change."""


@described
@strawberry.type(description="What is to be said of a definition.")
class WorkflowValidation:
    valid: bool
    """Whether it can be saved."""
    diagnostics: list[Diagnostic]
    """Everything that was found: errors, warnings and hints, each with its place."""


@telling(InvalidDefinition)
class InvalidDefinitionError(UserError):
    """The definition cannot be saved. Nothing was."""

    diagnostics: list[Diagnostic]
    """Every reason, each with its place in the definition."""


@telling(VersionConflict)
class VersionConflictError(UserError):
    """Somebody else saved this workflow first. Nothing of yours was saved."""

    current_version: int
    """The number of the version that is current; the `expectedVersion` of the next try."""
    current: WorkflowVersion
    """The version that is current."""
    theirs: list[WorkflowChange]
    """What others changed since the version that you expected."""
    yours: list[WorkflowChange]
    """What you wanted to change in the version that you expected."""


@strawberry.type
class DefinitionQueries:
    @rowless
    async def validate_workflow(
        self,
        info: Info,
        definition: Annotated[
            Json, strawberry.argument(description="`nodes`, `edges`, `notes` and `config`.")
        ],
    ) -> WorkflowValidation:
        """What is right and wrong with a definition, as saving it would find."""
        info.context.signed_in()
        found = definitions.diagnose(definition)
        return WorkflowValidation(
            valid=all(each.severity != "error" for each in found),
            diagnostics=cast("list[Diagnostic]", found),
        )

    @strawberry.field(description="What changed from one version of a workflow to another.")
    async def workflow_diff(
        self,
        info: Info,
        workflow_id: Annotated[
            strawberry.ID, strawberry.argument(description="Its global id, or its database id.")
        ],
        from_: Annotated[
            int, strawberry.argument(name="from", description="The number of the version before.")
        ],
        to: Annotated[int, strawberry.argument(description="The number of the version after.")],
    ) -> WorkflowDiff | None:
        workflow = named("Workflow", workflow_id, ("workflowId",))
        found: Sequence[Change] = await changes.compared(info.context, workflow, from_, to)
        return WorkflowDiff(
            from_version=from_,
            to_version=to,
            changes=cast("list[WorkflowChange]", found),
        )
