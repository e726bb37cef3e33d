from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from db import api_keys, deployments, usage, workflows
from db.relation import InvalidArgument
from graphql_api.declare import listed, over, read_id

if TYPE_CHECKING:
    from graphql_api.types.api_keys import ApiKey
    from graphql_api.types.deployments import Deployment
    from graphql_api.types.workflows import Workflow


@over(usage.UsageRow)
class IntegrationUsage:
    """What an integration or a type of node is used by, at most 500 of each."""

    workflows: list[Workflow] = listed(workflows.BY_USAGE)
    """The workflows whose current version uses it."""
    deployments: list[Deployment] = listed(deployments.BY_USAGE)
    """The deployments that are up or coming up, and run a version that uses it."""
    api_keys: list[ApiKey] = listed(api_keys.BY_USAGE)
    """The API keys of the runtimes that took those. For admins."""


def looked_for(
    workspace_id: Annotated[
        strawberry.ID,
        strawberry.argument(description="The workspace: its global id, or its database id."),
    ],
    integration_id: Annotated[
        strawberry.ID | None,
        strawberry.argument(description="An integration, which nodes name in their config."),
    ] = None,
    service: Annotated[
        str | None, strawberry.argument(description="Any integration of this service.")
    ] = None,
    node_type: Annotated[
        str | None, strawberry.argument(description="A type of node, whatever it connects to.")
    ] = None,
) -> Mapping[str, Any]:
    integration = read_id("Integration", integration_id) if integration_id else None
    named = str(integration) if integration else integration_id
    told = {"integration": named, "service": service, "node_type": node_type}
    given = [(kind, value) for kind, value in told.items() if value is not None]
    if len(given) != 1:
        raise InvalidArgument("name one of integrationId, service and nodeType")
    return {
        "workspace_id": read_id("Workspace", workspace_id),
        "kind": given[0][0],
        "value": given[0][1],
    }
