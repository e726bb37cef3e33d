from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from db import api_keys, deployment_events, deployments, users
from graphql_api.declare import Node, enum, filtering, over, related

if TYPE_CHECKING:
    from graphql_api.types.api_keys import ApiKey
    from graphql_api.types.deployments import Deployment
    from graphql_api.types.users import User

enum(deployments.DeploymentStatus, "How far a deployment is.")
enum(deployment_events.DeploymentEventOrder, "Orders of a deployment's history.")


@filtering(deployment_events.CONDITIONS)
class DeploymentEventFilter:
    """Which events to list."""

    status: list[deployments.DeploymentStatus] | None
    """Of one of these states."""


@over(deployment_events.DeploymentEventRow, by_id=deployment_events.BY_ID)
class DeploymentEvent(Node):
    """Something that happened to a deployment: mostly, that it came into another state."""

    status: deployments.DeploymentStatus
    """The state that it was in from then on."""
    message: str | None
    """What is to be said of it, breaking changes of its tools included."""
    created_at: datetime
    """When it happened."""
    deployment: Deployment | None = related(deployments.BY_ID, id="deployment_id")
    """The deployment."""
    user: User | None = related(users.BY_ID, id="user_id")
    """Who did it; null for a key, and for people who left the workspace."""
    api_key: ApiKey | None = related(api_keys.BY_ID, id="api_key_id")
    """The API key that did it. For admins."""
