"""What is looked for to see what an integration or a type of node is used by. The rows that are
found are of the rooms of workflows, deployments and API keys."""

from uuid import UUID

import msgspec

from db.json import Json
from db.relation import One


class UsageRow(msgspec.Struct, frozen=True):
    """``nodes`` has a pattern for each way in which a node can name what is looked for."""

    workspace_id: UUID
    nodes: Json


OF = One(
    UsageRow,
    """
    SELECT {u.*}
      FROM (SELECT w.id AS workspace_id,
                   app.nodes_using(w.id, {argument.kind: text}, {argument.value: text}) AS nodes
              FROM workspaces w
             WHERE w.id = {argument.workspace_id}) u
     WHERE u.nodes IS NOT NULL
    """,
)
