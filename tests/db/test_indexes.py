"""Every way in which rows are listed has an index that gives them in order, page by page."""

import time
from uuid import UUID

import pytest

from tests.db.world import World

ONE = "'00000000-0000-4000-8000-000000000001'"
NOW = f"'{UUID(int=int(time.time() * 1000) << 80)}'"  # an execution of this month

# what the statement reads, and the index that must give it already in order
LISTS = {
    "workspaces of a member": (
        f"SELECT workspace_id, role FROM workspace_users WHERE user_id = {ONE}",
        "idx_workspace_users_user_id",
    ),
    "workflows by name": (
        f"SELECT id FROM workflows WHERE workspace_id = {ONE} ORDER BY name, id LIMIT 20",
        "idx_workflows_workspace_name",
    ),
    "workflows, made last first": (
        f"SELECT id FROM workflows WHERE workspace_id = {ONE}"
        " ORDER BY created_at DESC, id DESC LIMIT 20",
        "idx_workflows_workspace_created",
    ),
    "workflows, changed last first": (
        f"SELECT id FROM workflows WHERE workspace_id = {ONE}"
        " ORDER BY updated_at DESC, id DESC LIMIT 20",
        "idx_workflows_workspace_updated",
    ),
    "workflows by status": (
        f"SELECT id FROM workflows WHERE workspace_id = {ONE}"
        " ORDER BY status, updated_at DESC, id DESC LIMIT 20",
        "idx_workflows_workspace_status_updated",
    ),
    "workflows with a node": (
        """SELECT id FROM workflows WHERE definition -> 'nodes' @> '[{"type": "http"}]'""",
        "idx_workflows_definition_nodes",
    ),
    "versions, newest first": (
        f"SELECT id FROM workflow_versions WHERE workflow_id = {ONE}"
        " ORDER BY version DESC LIMIT 20",
        "workflow_versions_workflow_id_version_key",
    ),
    "deployments of a workflow": (
        f"SELECT id FROM deployments WHERE workflow_id = {ONE}"
        " ORDER BY created_at DESC, id DESC LIMIT 20",
        "idx_deployments_workflow_id",
    ),
    "deployments of a workspace": (
        f"SELECT id FROM deployments WHERE workspace_id = {ONE}"
        " ORDER BY created_at DESC, id DESC LIMIT 20",
        "idx_deployments_created_at",
    ),
    "executions of a workflow": (
        f"SELECT id FROM executions WHERE workflow_id = {ONE} ORDER BY id DESC LIMIT 20",
        "workflow_id_id_workspace_id_idx",
    ),
    "executions of a workspace": (
        f"SELECT id FROM executions WHERE workspace_id = {ONE} ORDER BY id DESC LIMIT 20",
        "workspace_id_id_idx",
    ),
    "executions of a deployment": (
        f"SELECT id FROM executions WHERE deployment_id = {ONE} ORDER BY id DESC LIMIT 20",
        "deployment_id_id_idx",
    ),
    "executions of a status": (
        f"SELECT id FROM executions WHERE workspace_id = {ONE} AND status = 'failed'"
        " ORDER BY id DESC LIMIT 20",
        "workspace_id_status_id_idx",
    ),
    "lines of an execution": (
        f"SELECT seq FROM execution_logs WHERE execution_id = {NOW} AND seq > 7"
        " ORDER BY seq LIMIT 20",
        "_pkey",
    ),
    "what went wrong in an execution": (
        f"SELECT seq FROM execution_logs WHERE execution_id = {NOW}"
        " AND level = ANY ('{error}') AND level IN ('warn', 'error') ORDER BY seq LIMIT 20",
        "execution_id_seq_idx",
    ),
    "API keys of a workspace": (
        f"SELECT id FROM api_keys WHERE workspace_id = {ONE} ORDER BY created_at DESC, id DESC",
        "idx_api_keys_workspace_id",
    ),
    "integrations of a workspace": (
        f"SELECT id FROM integrations WHERE workspace_id = {ONE} ORDER BY created_at DESC, id DESC",
        "idx_integrations_workspace_id",
    ),
    "the audit log of a workspace": (
        f"SELECT id FROM audit_logs WHERE workspace_id = {ONE} ORDER BY id DESC LIMIT 20",
        "workspace_id_id_idx",
    ),
    "what a user did": (
        f"SELECT id FROM audit_logs WHERE user_id = {ONE} ORDER BY id DESC LIMIT 20",
        "user_id_id_idx",
    ),
    "what was done to a resource": (
        f"SELECT id FROM audit_logs WHERE resource_id = {ONE} ORDER BY id DESC LIMIT 20",
        "resource_id_id_idx",
    ),
    "actions of a kind": (
        f"SELECT id FROM audit_logs WHERE workspace_id = {ONE} AND action = 'workflow.update'"
        " ORDER BY id DESC LIMIT 20",
        "workspace_id_action_id_idx",
    ),
}

# An empty table is read in sequence and sorted, unless that is made dear.
DEAR = (
    "SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off"
)


@pytest.mark.parametrize("name", LISTS)
async def test_a_list_comes_in_order_from_its_index(name: str, shared_world: World) -> None:
    query, index = LISTS[name]
    async with shared_world.superuser.transaction():
        await shared_world.superuser.execute(
            DEAR if index != "idx_workflows_definition_nodes" else "SET LOCAL enable_seqscan = off"
        )
        plan = await shared_world.superuser.fetch(f"EXPLAIN (COSTS OFF) {query}")

    lines = "\n".join(row[0] for row in plan)
    assert "Sort" not in lines
    assert index in lines


@pytest.mark.parametrize(
    "index",
    [
        *("idx_workspace_users_user_id", "idx_workspace_users_role"),
        *("idx_integrations_workspace_id", "idx_integrations_status"),
        *("idx_deployments_workflow_id", "idx_deployments_status"),
        *("idx_deployments_environment", "idx_deployments_created_at"),
        *("idx_executions_workflow_id", "idx_executions_status", "idx_executions_trigger_type"),
        *("idx_execution_logs_level", "idx_execution_logs_timestamp"),
        *("idx_api_keys_workspace_id", "idx_api_keys_status"),
        *("idx_audit_logs_workspace_id", "idx_audit_logs_user_id", "idx_audit_logs_action"),
        *("idx_workflows_workspace_status_updated", "idx_executions_running"),
        "idx_workflows_definition_nodes",
    ],
)
async def test_an_ordered_index_is_there_under_its_name(index: str, shared_world: World) -> None:
    assert await shared_world.superuser.fetchval("SELECT to_regclass($1) IS NOT NULL", index)


async def test_no_index_is_the_beginning_of_another(shared_world: World) -> None:
    """Two such indexes cost twice on every write and help once."""
    rows = await shared_world.superuser.fetch("""
        SELECT a.indexrelid::regclass || ' in ' || b.indexrelid::regclass
          FROM pg_index a
          JOIN pg_index b ON a.indrelid = b.indrelid AND a.indexrelid <> b.indexrelid
          JOIN pg_class c ON c.oid = a.indexrelid JOIN pg_am am ON am.oid = c.relam
         WHERE c.relnamespace = 'public'::regnamespace AND NOT c.relispartition
           AND am.amname = 'btree' AND NOT a.indisunique
           AND a.indexprs IS NULL AND a.indpred IS NULL AND b.indpred IS NULL
           AND starts_with(b.indoption::text || ' ', a.indoption::text || ' ')
           AND starts_with(b.indkey::text || ' ', a.indkey::text || ' ')
    """)

    assert [row[0] for row in rows] == []
