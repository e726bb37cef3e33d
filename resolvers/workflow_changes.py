"""What people do to workflows. Whoever watches is told after the commit."""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple
from uuid import UUID

from db import versions, workflow_changes, workflows
from db.errors import RuleBroken
from db.json import Json
from db.versions import VersionRow
from db.workflows import WorkflowRow
from resolvers import definitions
from resolvers.context import Context
from resolvers.definitions import Definition, InvalidDefinition
from resolvers.diff import Change, diff
from resolvers.errors import Conflict, InvalidInput, NotFound
from resolvers.rules import obeying

MOST_AT_ONCE = 100
MOST_NAME = 255
MOST_TEXT = 10_000
MOST_TAGS = 50
MOST_TAG = 64
SHORTEST_TIMEOUT, LONGEST_TIMEOUT = 10, 2_592_000

PATHS = {
    "workspaces_visible": ("input", "workspaceId"),
    "workflow_versions_visible": ("input", "version"),
    "workflows_tags": ("input", "add"),
}
"""The input that each rule is about; any other is about the workflow."""

WORKFLOW = ("input", "workflowId")


class VersionConflict(Conflict):
    """Somebody else saved first: what they changed since the base, and what was to be changed."""

    code: ClassVar[str] = "VERSION_CONFLICT"

    def __init__(
        self, base: int, current: VersionRow, theirs: Sequence[Change], yours: Sequence[Change]
    ) -> None:
        super().__init__(
            f"Somebody else saved first: version {current.version} is current, not {base}. Put"
            f" your changes onto it and save again with expectedVersion {current.version}.",
            ("input", "expectedVersion"),
        )
        self.current_version, self.current = current.version, current
        self.theirs, self.yours = list(theirs), list(yours)


class Details(NamedTuple):
    """What a workflow has beside its definition; None is as it is, or the default."""

    name: str | None = None
    description: str | None = None
    tags: Sequence[str] | None = None
    timeout_seconds: int | None = None
    clears_description: bool = False

    def columns(self) -> dict[str, object]:
        """The columns to be set. Raises InvalidInput."""
        found: dict[str, object] = {}
        if self.name is not None:
            found["name"] = checked_name(self.name)
        if self.description is not None or self.clears_description:
            found["description"] = _checked_text(self.description, "description")
        if self.tags is not None:
            found["tags"] = checked_tags(self.tags, "tags")
        if self.timeout_seconds is not None:
            found["timeout_seconds"] = _checked_timeout(self.timeout_seconds)
        return found


async def create(
    context: Context,
    workspace: UUID,
    details: Details,
    definition: Json,
    changelog: str | None = None,
) -> UUID:
    """The id of a new draft, whose first version is the definition."""
    context.signed_in()
    details.columns()
    kept = _accepted(definition)
    said = _checked_text(changelog, "changelog")
    with obeying(WORKFLOW, PATHS):
        async with context.writing() as transaction:
            id = await workflows.create(
                transaction,
                workspace,
                name=checked_name(details.name or ""),
                description=details.description,
                tags=checked_tags(details.tags or (), "tags"),
                definition=Json(definitions.write(kept)),
                changelog=said,
            )
            if details.timeout_seconds is not None:
                timeout = {"timeout_seconds": details.timeout_seconds}
                await workflow_changes.update(transaction, id, 1, timeout)
    return id


async def update(
    context: Context,
    id: UUID,
    base: int | None,
    details: Details,
    *,
    definition: Json | None = None,
    changelog: str | None = None,
) -> None:
    """Change what is given, all or nothing. ``base`` is the version that the client has seen.

    Raises VersionConflict, InvalidDefinition and others.
    """
    context.signed_in()
    if definition is not None and base is None:
        raise InvalidInput(
            "Say which version you changed, so that nobody's work is lost.",
            ("input", "expectedVersion"),
        )
    changes = details.columns()
    kept = None if definition is None else _accepted(definition)
    said = _checked_text(changelog, "changelog")
    written = None if kept is None else Json(definitions.write(kept))
    try:
        with obeying(WORKFLOW, PATHS):
            async with context.writing() as transaction:
                await workflow_changes.update(
                    transaction, id, base, changes, definition=written, changelog=said
                )
    except Conflict as conflict:
        await _tell_conflict(context, id, base, kept, conflict)
        raise
    context.resources.streams.touch(id)


async def restore_version(
    context: Context, id: UUID, base: int | None, version: int, changelog: str | None
) -> None:
    """Save the definition of an earlier version anew. Raises VersionConflict and others."""
    context.signed_in()
    said = _checked_text(changelog, "changelog") or f"Restored version {version}"
    try:
        with obeying(WORKFLOW, PATHS):
            async with context.writing() as transaction:
                await workflow_changes.restore_version(transaction, id, base, version, said)
    except Conflict as conflict:
        earlier = await _version(context, id, version)
        kept = None if earlier is None else definitions.read(earlier.definition)
        await _tell_conflict(context, id, base, kept, conflict)
        raise
    context.resources.streams.touch(id)


async def duplicate(context: Context, id: UUID, version: int | None, name: str | None) -> UUID:
    """The id of a new draft beside it."""
    context.signed_in()
    called = None if name is None else checked_name(name)
    with obeying(WORKFLOW, PATHS):
        async with context.writing() as transaction:
            return await workflow_changes.duplicate(transaction, id, version, called)


async def set_status(
    context: Context, id: UUID, status: str, path: Sequence[str] = WORKFLOW
) -> None:
    context.signed_in()
    with obeying(path, PATHS):
        async with context.writing() as transaction:
            await workflow_changes.set_status(transaction, id, status)
    context.resources.streams.touch(id)


async def tag(
    context: Context, id: UUID, add: Sequence[str], remove: Sequence[str], path: Sequence[str]
) -> None:
    """Add and remove tags, in this order."""
    context.signed_in()
    added, removed = checked_tags(add, "add"), checked_tags(remove, "remove")
    with obeying(path, PATHS):
        async with context.writing() as transaction:
            await workflow_changes.tag(transaction, id, added, removed)
    context.resources.streams.touch(id)


async def delete(context: Context, id: UUID) -> None:
    """Put it out of sight; its runs end."""
    context.signed_in()
    with obeying(("id",), PATHS):
        async with context.writing() as transaction:
            workspace = await workflow_changes.delete(transaction, id)
    context.resources.streams.touch(id, workspace)


async def restore(context: Context, id: UUID) -> None:
    """Give a deleted one back."""
    context.signed_in()
    with obeying(("id",), PATHS):
        async with context.writing() as transaction:
            await workflow_changes.restore(transaction, id)
    context.resources.streams.touch(id)


async def compared(context: Context, id: UUID, before: int, after: int) -> list[Change]:
    """What changed between two versions. Raises NotFound."""
    found = [await _version(context, id, number) for number in (before, after)]
    for number, row in zip((before, after), found, strict=True):
        if row is None:
            raise NotFound(f"There is no version {number} of this workflow that you may see.")
    first, second = (definitions.read(row.definition) for row in found if row)
    return diff(first, second)


def check_bulk(ids: Sequence[object], path: Sequence[str]) -> None:
    if len(ids) > MOST_AT_ONCE:
        raise InvalidInput(f"At most {MOST_AT_ONCE} workflows at once.", path)


async def _tell_conflict(
    context: Context, id: UUID, base: int | None, wanted: Definition | None, conflict: Conflict
) -> None:
    """Raise what is to be said of both sides, where the viewer may read it and it is about that."""
    cause = conflict.__cause__
    if not isinstance(cause, RuleBroken) or cause.rule != "workflows_version_current":
        return
    flow: WorkflowRow | None = await context.loaders.one(workflows.BY_ID, (id,))
    current = flow and await _version(context, id, flow.version)
    if current is None or base is None:
        return
    started = await _version(context, id, base)
    if started is None:
        raise NotFound(
            f"The workflow has no version {base}; {current.version} is the newest.",
            ("input", "expectedVersion"),
        )
    try:
        old, new = definitions.read(started.definition), definitions.read(current.definition)
    except InvalidDefinition:  # of before there were rules: there is no telling what changed
        return
    theirs = diff(old, new)
    raise VersionConflict(base, current, theirs, diff(old, wanted) if wanted else []) from conflict


async def _version(context: Context, id: UUID, number: int) -> VersionRow | None:
    return await context.loaders.one(versions.BY_NUMBER, (id, number))


def _accepted(definition: Json) -> Definition:
    try:
        return definitions.accept(definition)
    except InvalidDefinition as invalid:
        raise InvalidDefinition(invalid.diagnostics, ("input", "definition")) from None


def checked_name(name: str) -> str:
    kept = name.strip()
    if not 0 < len(kept) <= MOST_NAME:
        raise InvalidInput(f"A name has between 1 and {MOST_NAME} characters.", ("input", "name"))
    return kept


def checked_tags(tags: Sequence[str], field: str) -> list[str]:
    kept = list(dict.fromkeys(tag.strip() for tag in tags))
    if len(kept) > MOST_TAGS or not all(0 < len(tag) <= MOST_TAG for tag in kept):
        raise InvalidInput(
            f"At most {MOST_TAGS} tags of between 1 and {MOST_TAG} characters each.",
            ("input", field),
        )
    return kept


def _checked_text(text: str | None, field: str) -> str | None:
    if text is not None and len(text) > MOST_TEXT:
        raise InvalidInput(f"At most {MOST_TEXT:,} characters.", ("input", field))
    return text


def _checked_timeout(seconds: int) -> int:
    if not SHORTEST_TIMEOUT <= seconds <= LONGEST_TIMEOUT:
        raise InvalidInput(
            f"Between {SHORTEST_TIMEOUT} seconds and {LONGEST_TIMEOUT:,} (30 days).",
            ("input", "timeoutSeconds"),
        )
    return seconds
