"""The query that gives a workflow as a file."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import strawberry

from graphql_api.declare import described, enum, named
from resolvers import exported
from resolvers.context import Info


class ExportFormat(StrEnum):
    DEFINITION = "definition"
    """This platform's own: name, description, tags and definition. `importWorkflow` reads it."""
    N8N = "n8n"
    """A workflow as n8n imports it."""


enum(ExportFormat, "What a workflow can be exported as.")


@described
@strawberry.type(description="A workflow as a file.")
class WorkflowExport:
    file_name: str
    """What to call the file."""
    content: str
    """Its text, JSON in UTF-8."""


@strawberry.type
class ExportQueries:
    @strawberry.field(
        description="A version of a workflow as a file. `EXPORT_REFUSED` where the format has no"
        " form for what is in it."
    )
    async def workflow_export(
        self,
        info: Info,
        workflow_id: Annotated[
            strawberry.ID, strawberry.argument(description="Its global id, or its database id.")
        ],
        format: Annotated[
            ExportFormat, strawberry.argument(description="What to export it as.")
        ] = ExportFormat.DEFINITION,
        version: Annotated[
            int | None,
            strawberry.argument(description="The version; by default the current one."),
        ] = None,
    ) -> WorkflowExport | None:
        workflow = named("Workflow", workflow_id, ("workflowId",))
        form = "n8n" if format is ExportFormat.N8N else "definition"
        found = await exported.export(info.context, workflow, version, form)
        return WorkflowExport(file_name=found.file_name, content=found.content)
