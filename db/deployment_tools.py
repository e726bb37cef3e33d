"""The tools that deployments offer, and how they differ from those offered before."""

import msgspec

from db.json import Json
from db.relation import Many


class DeploymentToolRow(msgspec.Struct, frozen=True):
    """``place`` counts from 1, in the order in which they were reported."""

    place: int
    name: str
    description: str | None
    input_schema: Json


class ToolChangeRow(msgspec.Struct, frozen=True):
    place: int
    tool: str
    code: str
    breaking: bool
    pointer: str
    message: str


OF_DEPLOYMENT = Many(
    DeploymentToolRow,
    """
    SELECT {t.*}
      FROM (SELECT place::int                AS place,
                   tool ->> 'name'           AS name,
                   tool ->> 'description'    AS description,
                   tool -> 'inputSchema'     AS input_schema
              FROM deployments d
             CROSS JOIN LATERAL jsonb_array_elements(d.tools) WITH ORDINALITY e (tool, place)
             WHERE d.id = {deployment.id}) t
    """,
    tie="place",
)

CHANGES = Many(
    ToolChangeRow,
    """
    SELECT {c.*}
      FROM (SELECT place::int                       AS place,
                   change ->> 'tool'                AS tool,
                   change ->> 'code'                AS code,
                   (change ->> 'breaking')::boolean AS breaking,
                   change ->> 'pointer'             AS pointer,
                   change ->> 'message'             AS message
              FROM deployments d
             CROSS JOIN LATERAL jsonb_array_elements(d.tool_changes)
                   WITH ORDINALITY e (change, place)
             WHERE d.id = {deployment.id}) c
    """,
    tie="place",
)
