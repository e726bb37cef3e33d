"""The mutation that takes workflows from other products."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, cast

import strawberry

from graphql_api.declare import described, enum, read_id
from graphql_api.types.errors import UserError, telling, told
from graphql_api.types.workflows import Workflow
from resolvers import workflows
from resolvers.context import Info
from resolvers.errors import NotFound, Refusal
from resolvers.imported import ImportRefused


class ImportFormat(StrEnum):
    N8N = "n8n"
    """A workflow exported by n8n."""
    SERVER_JSON = "server_json"
    """A published MCP server."""
    DEFINITION = "definition"
    """A workflow exported by this platform, or a bare definition."""


class Severity(StrEnum):
    ERROR = "error"
    """It must be mended."""
    WARNING = "warning"
    """It may be meant so."""
    INFO = "info"
    """It is as it should be; good to know."""


enum(ImportFormat, "What a file to import was exported from.")
enum(Severity, "How bad a finding is.")


@described
@strawberry.type(description="Something found in a document.")
class Diagnostic:
    code: str
    """What kind of finding it is, in capitals. Never changes."""
    message: str
    """What was found, in a sentence for people."""
    pointer: str
    """Where in the document: a JSON pointer (RFC 6901)."""
    severity: Severity
    """How bad it is."""

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        return True


@telling(ImportRefused)
class ImportRefusedError(UserError):
    """The file cannot be imported. Nothing of it was stored."""

    problems: list[Diagnostic]
    """Every reason, each with its place in the file."""


@described
@strawberry.input(description="What to import, and where to.")
class ImportWorkflowInput:
    workspace_id: strawberry.ID
    """The workspace that is to have the workflow."""
    source: str
    """The text of the file, as it was exported."""
    format: ImportFormat = ImportFormat.N8N
    """What it was exported from."""
    name: str | None = None
    """A name for a workflow whose file has none, such as the file's."""


@described
@strawberry.type(description="The answer to `importWorkflow`.")
class ImportWorkflowPayload:
    errors: list[UserError]
    """Why nothing was imported; empty if it was."""
    workflow: Workflow | None = None
    """The new workflow, a draft."""
    report: list[Diagnostic] = strawberry.field(default_factory=list)
    """All that was left out, changed, or may not work here."""


@strawberry.type
class ImportMutations:
    @strawberry.mutation(
        description="Make a workflow of a file that another product exported: all of it or nothing."
    )
    async def import_workflow(
        self,
        info: Info,
        input: Annotated[ImportWorkflowInput, strawberry.argument(description="What and where.")],
    ) -> ImportWorkflowPayload:
        try:
            workspace = read_id("Workspace", input.workspace_id)
            if workspace is None:
                raise NotFound(
                    "There is no such workspace, or you may not see it.", ("input", "workspaceId")
                )
            row, imported = await workflows.import_workflow(
                info.context,
                workspace,
                input.source.encode(),
                input.format.value,
                input.name or "",
            )
        except Refusal as refusal:
            return ImportWorkflowPayload(errors=told(refusal))
        return ImportWorkflowPayload(
            errors=[],
            workflow=cast("Workflow", row),
            report=cast("list[Diagnostic]", imported.report),
        )
