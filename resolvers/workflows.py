"""What is done to workflows."""

from collections.abc import Callable
from uuid import UUID

from db import workflows
from db.json import Json
from resolvers import definitions, exported, n8n, server_json
from resolvers.context import Context
from resolvers.imported import Imported
from resolvers.rules import obeying

READERS: dict[str, Callable[[bytes, str], Imported]] = {
    "n8n": n8n.read_export,
    "server_json": server_json.read_server,
    "definition": exported.read,
}


async def import_workflow(
    context: Context, workspace: UUID, source: bytes, reader: str, name: str
) -> tuple[workflows.WorkflowRow, Imported]:
    """Store what another product exported as a new workflow, whole or not at all.

    ``reader`` is one of READERS; ``name`` is that of the file, for a source without one of its own.
    Raises ImportRefused, NotFound or Forbidden.
    """
    imported = READERS[reader](source, name)
    with obeying(("input", "workspaceId")):
        async with context.writing() as transaction:
            id = await workflows.create(
                transaction,
                workspace,
                name=imported.name,
                description=imported.description,
                tags=imported.tags,
                definition=Json(definitions.write(imported.definition)),
                changelog=f"Imported from {reader}",
            )
    return await context.loaders.one(workflows.BY_ID, (id,)), imported
