"""The form of n8n's exports: which keys there are, and how its connections name their ends."""

from typing import NamedTuple, TypeAlias, TypeGuard

from resolvers import exact_json
from resolvers.definitions import LOOP, MAIN, MOST_NAME
from resolvers.diagnostics import Path, quoted
from resolvers.exact_json import Json

Object: TypeAlias = dict[str, Json]

STICKY_NOTE = "n8n-nodes-base.stickyNote"
# More outputs or inputs than any node has; an export back writes them as lists with holes.
MOST_PORTS = 256

# What each key of n8n becomes: mapped to a field of ours, or left out with a line in the report.
# Every other key is kept as it is in ``config``.
NODE_MAPPED = frozenset(("id", "name", "type", "position", "credentials"))
WORKFLOW_MAPPED = frozenset(
    ("name", "description", "tags", "nodes", "connections", "pinData", "staticData", "active")
)
WORKFLOW_LEFT = frozenset(
    [
        "id",
        "versionId",
        "createdAt",
        "updatedAt",
        "isArchived",
        "triggerCount",
        "versionCounter",
        "activeVersionId",
        "activeVersion",
        "shared",
        "sharedWithProjects",
        "homeProject",
        "ownedBy",
        "usedCredentials",
        "scopes",
        "meta",
        "parentFolder",
        "parentFolderId",
        "sourceWorkflowId",
        "checksum",
        "statistics",
    ]
)
NODE_KNOWN = frozenset(
    [
        "parameters",
        "typeVersion",
        "disabled",
        "notes",
        "notesInFlow",
        "retryOnFail",
        "maxTries",
        "waitBetweenTries",
        "alwaysOutputData",
        "executeOnce",
        "onError",
        "continueOnFail",
        "webhookId",
        "color",
        "extendsCredential",
        "rewireOutputLogTo",
        "forceCustomOperation",
    ]
)


class Step(NamedTuple):
    """A node of the file, under the name and the id that it has here."""

    node: Object
    at: Path
    name: str
    id: str


class Connection(NamedTuple):
    """One connection as the file has it; nodes by name."""

    source: str
    kind: str
    output: int
    target: str
    type: str
    input: int
    at: Path


def port(edge_kind: str, type: str, index: int) -> str | None:
    """The port that n8n calls input or output ``index`` of ``type``; none where it goes without
    saying: the first of the edge's own kind, or of ``main`` for a loop."""
    usual = MAIN if edge_kind == LOOP else edge_kind
    return None if (type, index) == (usual, 0) else f"{type}:{index}"


def is_name(value: Json) -> TypeGuard[str]:
    """Whether it can be a name, a type or an id here as it is."""
    return isinstance(value, str) and bool(value.strip()) and len(value) <= MOST_NAME


def shown(value: Json) -> str:
    """A value as it may stand in a message."""
    return quoted(exact_json.write(value).decode())
