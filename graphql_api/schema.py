"""The schema's roots, put together from the nouns."""

from __future__ import annotations

import strawberry
from strawberry.schema.config import StrawberryConfig

import graphql_api.types  # noqa: F401  # pyright: ignore[reportUnusedImport]
from db import deployments, executions, usage, viewers, webhooks, workflows, workspaces
from graphql_api.declare import (
    Node,
    checked,
    connected,
    described,
    looked_up,
    looked_up_all,
    related,
    rowless,
)
from graphql_api.relay import Connection
from graphql_api.types.access import AccessQueries
from graphql_api.types.accounts import AccountMutations
from graphql_api.types.api_key_changes import ApiKeyMutations
from graphql_api.types.deployment_changes import DeploymentMutations, DeploymentQueries
from graphql_api.types.deployments import Deployment, DeploymentFilter
from graphql_api.types.diffs import DefinitionQueries
from graphql_api.types.errors import ERRORS
from graphql_api.types.executions import Execution, ExecutionFilter
from graphql_api.types.exports import ExportQueries
from graphql_api.types.imports import ImportMutations
from graphql_api.types.integration_changes import IntegrationMutations
from graphql_api.types.invitation_changes import InvitationMutations
from graphql_api.types.member_changes import MemberMutations
from graphql_api.types.oauth import OAuthMutations
from graphql_api.types.passwords import PasswordMutations
from graphql_api.types.profiles import ProfileMutations
from graphql_api.types.runtime import RuntimeMutations
from graphql_api.types.scalars import SCALARS
from graphql_api.types.second_factors import SecondFactorMutations
from graphql_api.types.session_changes import SessionMutations
from graphql_api.types.subscriptions import Subscription
from graphql_api.types.usage import IntegrationUsage, looked_for
from graphql_api.types.viewers import Viewer
from graphql_api.types.webhook_changes import WebhookMutations
from graphql_api.types.webhooks import Webhook
from graphql_api.types.workflow_changes import WorkflowMutations
from graphql_api.types.workflows import Workflow, WorkflowFilter
from graphql_api.types.workspace_changes import WorkspaceMutations
from graphql_api.types.workspaces import Workspace, WorkspaceFilter, by_slug
from resolvers.context import Info


@described
@strawberry.type(description="Everything that can be read. You see what you may see.")
class Query(AccessQueries, DefinitionQueries, DeploymentQueries, ExportQueries):
    viewer: Viewer | None = related(viewers.ASKING)
    """Who is asking; null for nobody."""
    node: Node | None = looked_up()
    """The thing with this id; null if there is none or you may not see it."""
    nodes: list[Node | None] = looked_up_all()
    """The things with these ids, each in its place; null where there is none that you may see."""
    workspace: Workspace | None = looked_up(workspaces.BY_ID)
    """A workspace by its id."""
    workspace_by_slug: Workspace | None = related(workspaces.BY_SLUG, given=by_slug)
    """A workspace by its name in addresses."""
    workspaces: Connection[Workspace] = connected(
        workspaces.VISIBLE, WorkspaceFilter, workspaces.WorkspaceOrder.NAME
    )
    """The workspaces that you may see."""
    workflow: Workflow | None = looked_up(workflows.BY_ID)
    """A workflow by its id."""
    workflows: Connection[Workflow] = connected(
        workflows.VISIBLE, WorkflowFilter, workflows.WorkflowOrder.RECENTLY_UPDATED
    )
    """The workflows of all your workspaces."""
    integration_usage: IntegrationUsage | None = related(usage.OF, given=looked_for)
    """What an integration or a type of node is used by; name one of the three."""
    deployment: Deployment | None = looked_up(deployments.BY_ID)
    """A deployment by its id."""
    deployments: Connection[Deployment] = connected(
        deployments.VISIBLE, DeploymentFilter, deployments.DeploymentOrder.NEWEST
    )
    """The deployments of all your workspaces."""
    execution: Execution | None = looked_up(executions.BY_ID)
    """An execution by its id."""
    executions: Connection[Execution] = connected(
        executions.VISIBLE, ExecutionFilter, executions.ExecutionOrder.NEWEST
    )
    """The executions of all your workspaces. Those of one workspace are found faster."""
    webhook: Webhook | None = looked_up(webhooks.BY_ID)
    """A webhook by its id. For admins."""

    @rowless
    def oauth_providers(self, info: Info) -> list[str]:
        """By whose word one can sign in: what `beginOAuth` takes."""
        return info.context.resources.providers.names


@strawberry.type(description="Everything that can be done.")
class Mutation(
    AccountMutations,
    PasswordMutations,
    SecondFactorMutations,
    OAuthMutations,
    SessionMutations,
    ProfileMutations,
    ApiKeyMutations,
    DeploymentMutations,
    ImportMutations,
    IntegrationMutations,
    InvitationMutations,
    MemberMutations,
    RuntimeMutations,
    WebhookMutations,
    WorkflowMutations,
    WorkspaceMutations,
):
    pass


schema = checked(
    strawberry.Schema(
        Query,
        Mutation,
        Subscription,
        types=[Node, *ERRORS],
        config=StrawberryConfig(scalar_map=SCALARS),
    )
)
