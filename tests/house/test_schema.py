"""The schema as a whole: written down, described, complete, and without a secret."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    is_introspection_type,
)

from graphql_api.schema import schema
from tests.graph import BONDS, RIGHTS, TABLES, TYPES

if TYPE_CHECKING:
    from asyncpg import Connection, Record

SNAPSHOT = Path(__file__).parents[2] / "schema.graphql"
ALL_TYPES: dict[str, GraphQLNamedType] = schema._schema.type_map  # pyright: ignore[reportPrivateUsage]

SECRETS = {"password_hash", "credentials", "credentials_key_id", "key_hash", "token_hash"}

ERD = {
    "users",
    "workspaces",
    "workspace_users",
    "workflows",
    "workflow_versions",
    "integrations",
    "deployments",
    "executions",
    "execution_logs",
    "api_keys",
    "audit_logs",
}

BOTH_WAYS = {
    "executions_workflow_version_fkey": ("Execution.version", "WorkflowVersion.executions"),
    "workspaces_owner_id_fkey": ("Workspace.owner", "User.ownedWorkspaces"),
    "workspace_users_workspace_id_fkey": ("WorkspaceMember.workspace", "Workspace.members"),
    "workspace_users_user_id_fkey": ("WorkspaceMember.user", "User.memberships"),
    "workspace_users_invited_by_fkey": ("WorkspaceMember.invitedBy", "User.invitedMembers"),
    "workspace_invitations_workspace_id_fkey": (
        "WorkspaceInvitation.workspace",
        "Workspace.invitations",
    ),
    "workflows_workspace_id_fkey": ("Workflow.workspace", "Workspace.workflows"),
    "workflows_created_by_fkey": ("Workflow.createdBy", "User.createdWorkflows"),
    "workflows_current_version_exists": ("Workflow.currentVersion", "WorkflowVersion.workflow"),
    "workflow_versions_workflow_fkey": ("WorkflowVersion.workflow", "Workflow.versions"),
    "workflow_versions_created_by_fkey": ("WorkflowVersion.createdBy", "User.createdVersions"),
    "integrations_workspace_id_fkey": ("Integration.workspace", "Workspace.integrations"),
    "integrations_created_by_fkey": ("Integration.createdBy", "User.createdIntegrations"),
    "deployments_workflow_fkey": ("Deployment.workflow", "Workflow.deployments"),
    "deployments_workflow_version_fkey": ("Deployment.version", "WorkflowVersion.deployments"),
    "deployments_source_fkey": ("Deployment.source", "Deployment.derived"),
    "deployments_runtime_key_id_fkey": ("Deployment.runtimeKey", "ApiKey.deployments"),
    "deployment_events_deployment_id_fkey": ("DeploymentEvent.deployment", "Deployment.events"),
    "deployments_created_by_fkey": ("Deployment.createdBy", "User.createdDeployments"),
    "executions_workflow_fkey": ("Execution.workflow", "Workflow.executions"),
    "executions_deployment_fkey": ("Execution.deployment", "Deployment.executions"),
    "api_keys_workspace_id_fkey": ("ApiKey.workspace", "Workspace.apiKeys"),
    "ownership_offers_workspace_id_fkey": (
        "OwnershipOffer.workspace",
        "Workspace.ownershipOffers",
    ),
    "api_keys_replaces_fkey": ("ApiKey.replaces", "ApiKey.replacedBy"),
    "api_keys_created_by_fkey": ("ApiKey.createdBy", "User.createdApiKeys"),
    "webhooks_workspace_id_fkey": ("Webhook.workspace", "Workspace.webhooks"),
    "webhooks_created_by_fkey": ("Webhook.createdBy", "User.createdWebhooks"),
    "webhook_deliveries_webhook_fkey": ("WebhookDelivery.webhook", "Webhook.deliveries"),
}
"""The field that follows each foreign key, and the one that follows it back."""

NOT_BOTH_WAYS = {
    "workspaces_owner_is_member": "Workspace.owner says it: the owner is a member by constraint",
    "workspace_invitations_invited_by_fkey": "an invitation is looked for in its workspace",
    "ownership_offers_offered_by_fkey": "an offer is looked for in its workspace",
    "ownership_offers_offered_to_fkey": "Viewer.ownershipOffers has one's own that are open",
    "execution_months_workspace_id_fkey": "added up in Workspace.usage",
    "execution_streams_execution_id_fkey": "a counter of the database's own",
    "execution_originals_execution_id_fkey": "sealed; shown by the mutation revealExecution",
    "api_key_usage_key_id_fkey": "a counter of the database's own",
    "refresh_tokens_user_id_fkey": "holds secrets",
    "refresh_tokens_family_id_fkey": "holds secrets",
    "sessions_user_id_fkey": "for oneself alone: Viewer.sessions",
    "user_identities_user_id_fkey": "for oneself alone: Viewer.identities",
    "execution_jobs_workflow_fkey": "the queue, whose runs are executions",
    "workflow_statistics_shards_workflow_id_fkey": "added up in Workflow.statistics",
}

WITHOUT_FOREIGN_KEY = {
    "AuditLog.workspace": "Workspace.auditLogs",
    "AuditLog.user": "User.auditLogs",
    "AuditLog.apiKey": "ApiKey.auditLogs",
    "Deployment.workspace": "Workspace.deployments",
    "Execution.workspace": "Workspace.executions",
    "ExecutionLog.execution": "Execution.logs",
}
"""What leads both ways though no key does: the audit log outlives its subjects, the keys of
deployments and executions reach their workspace by the workflow, and lines are held to their
execution by its stream."""

NOT_SHOWN = {
    "users.deleted_at": "a deleted account is nobody any more",
    "workspaces.owner_role": "a constant, for a foreign key",
    "workspaces.deleted_at": "what is deleted is no Workspace, but a DeletedWorkspace",
    "workflow_versions.workspace_id": "the workflow's",
    "workflow_versions.node_ids": "part of the definition",
    "execution_logs.workspace_id": "the execution's",
    "deployments.attempt": "told to the runtime that claims it",
    "deployments.lease": "told by the runtime that claims it",
    "deployment_events.workspace_id": "the deployment's",
    "workflows.deleted_at": "what is deleted is no Workflow, but a DeletedWorkflow",
    "webhook_deliveries.claimed_until": "whether it is being sent at this moment",
    "executions.changed": "which transaction changed it last: for the API, which watches",
}


def fields_of(type_: GraphQLNamedType) -> dict[str, Any]:
    kinds = (GraphQLObjectType, GraphQLInterfaceType, GraphQLInputObjectType)
    return dict(type_.fields) if isinstance(type_, kinds) else {}


def everything() -> Iterator[tuple[str, Any]]:
    """Everything that the schema names, with what it is called."""
    for type_ in ALL_TYPES.values():
        if is_introspection_type(type_):
            continue
        yield type_.name, type_
        if isinstance(type_, GraphQLEnumType):
            yield from ((f"{type_.name}.{name}", value) for name, value in type_.values.items())
        for name, field in fields_of(type_).items():
            yield f"{type_.name}.{name}", field
            for argument, declared in getattr(field, "args", {}).items():
                yield f"{type_.name}.{name}({argument})", declared


def camel(column: str) -> str:
    return re.sub(r"_(\w)", lambda found: found[1].upper(), column)


def target_of(name: str) -> str:
    """The type that a field leads to; of a page, that of its rows."""
    type_, field = name.split(".")
    written = str(fields_of(ALL_TYPES[type_])[field].type)
    return written.strip("[]!").removesuffix("Connection")


def test_the_snapshot_is_the_schema() -> None:
    assert SNAPSHOT.read_text(encoding="utf-8") == schema.as_str().rstrip() + "\n"


def test_everything_has_a_description() -> None:
    assert [name for name, named in everything() if not (named.description or "").strip()] == []


def test_a_description_is_a_sentence() -> None:
    told = {name: named.description or "" for name, named in everything()}

    assert [name for name, text in told.items() if text and not text.endswith(".")] == []


def test_no_secret_is_in_the_schema() -> None:
    secrets = {word for secret in SECRETS for word in (secret, camel(secret), secret.upper())}
    written = {
        "CreateIntegrationInput.credentials",
        "RotateIntegrationCredentialsInput.credentials",
    }
    named = {name: set(re.split(r"\W", name)) for name, _ in everything()}

    assert {name for name, words in named.items() if words & secrets} == written


def test_what_is_told_of_passwords_and_tokens_is_told_where_it_is_made_only() -> None:
    shown = {
        f"{type_.name}.{name}"
        for type_ in ALL_TYPES.values()
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType)
        for name in type_.fields
        if re.search("password|token|secret|hash|proof", name, re.IGNORECASE)
    }

    assert {name for name in shown if type_of(name) != "Mutation"} == {
        "SignInPayload.accessToken",
        "SignInPayload.refreshToken",
        "RefreshSessionPayload.accessToken",
        "RefreshSessionPayload.refreshToken",
        "CreateWebhookPayload.signingSecret",
        "RotateWebhookSecretPayload.signingSecret",
        "CompleteSignInPayload.accessToken",
        "CompleteSignInPayload.refreshToken",
        "CompleteOAuthPayload.accessToken",
        "CompleteOAuthPayload.refreshToken",
        "BeginSecondFactorPayload.secret",
    }


def type_of(name: str) -> str:
    return name.partition(".")[0]


def test_every_table_of_the_ordered_design_is_a_node() -> None:
    of_ours = {"deployment_events", "ownership_offers", "webhooks", "webhook_deliveries"}
    assert ERD | of_ours | {"workspace_invitations"} == set(TYPES)
    for type_ in TABLES:
        found = ALL_TYPES[type_]
        assert isinstance(found, GraphQLObjectType)
        assert "Node" in {interface.name for interface in found.interfaces}


def test_the_ordered_views_are_fields() -> None:
    assert target_of("Workflow.statistics") == "WorkflowStatistics"
    assert target_of("Viewer.dashboard") == "Dashboard"


async def test_every_column_is_shown_or_withheld_for_a_reason(
    catalogue: "Connection[Record]",
) -> None:
    columns = await catalogue.fetch(
        "SELECT table_name, column_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND table_name = ANY ($1)",
        list(TYPES),
    )

    missing: set[str] = set()
    for table, column in columns:
        shown = fields_of(ALL_TYPES[TYPES[table]])
        followed = {
            here
            for name, bond in BONDS.items()
            if type_of(name) == TYPES[table]
            for here, _ in bond.columns
        }
        if column not in SECRETS | followed and {camel(column), column} & set(shown) == set():
            missing.add(f"{table}.{column}")

    assert missing <= set(NOT_SHOWN)


async def test_every_foreign_key_leads_both_ways(catalogue: "Connection[Record]") -> None:
    keys = await catalogue.fetch(
        """
        SELECT k.conname, k.conrelid::regclass::text, k.confrelid::regclass::text,
               ARRAY(SELECT (SELECT attname::text FROM pg_attribute
                              WHERE attrelid = k.conrelid AND attnum = n)
                       FROM unnest(k.conkey) n),
               ARRAY(SELECT (SELECT attname::text FROM pg_attribute
                              WHERE attrelid = k.confrelid AND attnum = n)
                       FROM unnest(k.confkey) n)
          FROM pg_constraint k
         WHERE k.contype = 'f' AND k.conparentid = 0 AND k.connamespace = 'public'::regnamespace
        """
    )

    assert {key[0] for key in keys} == {*BOTH_WAYS, *NOT_BOTH_WAYS}
    for name, table, other, columns, others in keys:
        if name in NOT_BOTH_WAYS:
            continue
        there, back = BOTH_WAYS[name]
        pairs = set(zip(columns, others, strict=True))
        assert (type_of(there), type_of(back)) == (TYPES[table], TYPES[other])
        assert (target_of(there), target_of(back)) == (TYPES[other], TYPES[table])
        assert set(BONDS[there].columns) <= pairs
        assert {(here, far) for far, here in BONDS[back].columns} <= pairs


@pytest.mark.parametrize(("there", "back"), WITHOUT_FOREIGN_KEY.items())
def test_what_belongs_together_without_a_key_leads_both_ways(there: str, back: str) -> None:
    assert target_of(there) == type_of(back)
    assert target_of(back) == type_of(there)
    assert [(far, here) for here, far in BONDS[there].columns] == list(BONDS[back].columns)


def test_every_type_says_who_sees_it() -> None:
    assert set(RIGHTS) | {"User"} == set(TABLES)
