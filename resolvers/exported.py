"""Workflows on their way out as files: ours, which can be read back, and those of n8n."""

import re
from typing import Literal, NamedTuple
from uuid import UUID

import msgspec

from db import versions, workflows
from db.versions import VersionRow
from db.workflows import WorkflowRow
from resolvers import definitions, exact_json, n8n
from resolvers.context import Context
from resolvers.definitions import Definition, InvalidDefinition
from resolvers.diagnostics import Diagnostic
from resolvers.errors import NotFound
from resolvers.exact_json import Unreadable
from resolvers.imported import (
    MOST_BYTES,
    MOST_DEPTH,
    Imported,
    ImportRefused,
    fitting_name,
    refuse_unfit,
)

FORM = "mcp-workflow/1"
"""What a file of ours says it is."""

_encoder = msgspec.json.Encoder(decimal_format="number")


class Exported(NamedTuple):
    """A file: its text in UTF-8."""

    file_name: str
    content: str


async def export(
    context: Context, id: UUID, number: int | None, form: Literal["definition", "n8n"]
) -> Exported:
    """A version of a workflow, by default the current one.

    Raises NotFound, and ExportRefused where n8n has no form for it.
    """
    flow: WorkflowRow | None = await context.loaders.one(workflows.BY_ID, (id,))
    if flow is None:
        raise NotFound("There is no such workflow, or you may not see it.", ("workflowId",))
    key = (id, number or flow.version)
    version: VersionRow | None = await context.loaders.one(versions.BY_NUMBER, key)
    if version is None:
        raise NotFound("The workflow has no such version.", ("version",))
    definition = definitions.read(version.definition)
    name = re.sub(r"[^\w.-]+", "-", flow.name).strip("-.") or "workflow"
    if form == "n8n":
        text = n8n.write_export(flow.name, definition, flow.description, flow.tags)
        return Exported(f"{name}.n8n.json", text.decode())
    return Exported(f"{name}.json", write(flow, definition).decode())


def write(flow: WorkflowRow, definition: Definition) -> bytes:
    """The file of ours."""
    whole = {
        "form": FORM,
        "name": flow.name,
        "description": flow.description,
        "tags": flow.tags,
        "definition": definition,
    }
    return msgspec.json.format(_encoder.encode(whole), indent=2)


def read(data: bytes, name: str = "") -> Imported:
    """A file of ours, or a bare definition. Raises ImportRefused."""
    try:
        value = exact_json.read(data, MOST_BYTES, MOST_DEPTH)
    except Unreadable as unreadable:
        raise ImportRefused(unreadable.diagnostics) from None
    bare = not isinstance(value, dict) or "definition" not in value
    whole = {} if bare or not isinstance(value, dict) else value
    try:
        definition = definitions.read(value if bare else whole["definition"])
    except InvalidDefinition as invalid:
        at = "" if bare else "/definition"
        raise ImportRefused(
            [
                Diagnostic(found.code, found.message, at + found.pointer, found.severity)
                for found in invalid.diagnostics
            ]
        ) from None
    refuse_unfit(definition)
    called, said, tags = whole.get("name"), whole.get("description"), whole.get("tags")
    return Imported(
        fitting_name(called if isinstance(called, str) else "", name),
        said.strip() or None if isinstance(said, str) else None,
        [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else [],
        definition,
        [],
    )
