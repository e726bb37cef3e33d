"""Access: what it takes to do something to a thing, and what decides whether somebody may.

``NEEDS`` says in one place what the policies and functions of ``migrations/`` ask for; a test tries
both on everybody.
"""

from enum import StrEnum
from typing import NamedTuple

import msgspec

from db.members import Role
from db.plans import PlanLimit
from db.relation import One


class AccessAction(StrEnum):
    READ = "read"
    """See it."""
    UPDATE = "update"
    """Change it."""
    DELETE = "delete"
    """Delete it."""
    CREATE_WORKFLOW = "create_workflow"
    """Make a workflow in the workspace."""
    CONNECT = "connect"
    """Make an integration in the workspace."""
    INVITE = "invite"
    """Invite somebody into the workspace."""
    CREATE_API_KEY = "create_api_key"
    """Make an API key of the workspace."""
    READ_AUDIT_LOG = "read_audit_log"
    """See the workspace's audit log."""
    OFFER_OWNERSHIP = "offer_ownership"
    """Offer the workspace to another owner."""
    EXECUTE = "execute"
    """Start or trigger an execution of the workflow."""
    DEPLOY = "deploy"
    """Deploy the workflow."""
    READ_LOGS = "read_logs"
    """See the log of the execution."""
    WRITE_LOGS = "write_logs"
    """Append to the log of the execution."""
    READ_ORIGINALS = "read_originals"
    """Reveal what was masked in the execution."""


class AccessDecider(StrEnum):
    ROLE = "role"
    """The role of the member: high enough, or too low."""
    PERMISSION = "permission"
    """A permission that the member has beyond the role."""
    SCOPE = "scope"
    """The scopes of the API key: they hold what is needed, or do not, or no key may do this."""
    MAKER = "maker"
    """Whoever made the API key may not do this any more, so the key may not either."""
    KEY = "key"
    """The API key itself: it is not good; or it is good, and asks for itself."""
    PLAN = "plan"
    """The plan of the workspace has no room."""


class ExplanationRow(msgspec.Struct, frozen=True):
    """``role`` is the member's, or that of the key's maker; None where that one has left."""

    allowed: bool
    decided_by: AccessDecider
    role: Role | None
    needed_role: Role
    needed_scope: str | None
    limit: PlanLimit | None
    used: int | None
    plan_allows: int | None


class Need(NamedTuple):
    """A rank, or a scope besides; and what the plan must have room for."""

    rank: int
    scope: str = ""
    limit: str = ""


VIEWER, EDITOR, ADMIN, OWNER = 10, 20, 30, 40

NEEDS: dict[tuple[str, AccessAction], Need] = {
    ("Workspace", AccessAction.READ): Need(VIEWER, "workspace:read"),
    ("Workspace", AccessAction.UPDATE): Need(ADMIN),
    ("Workspace", AccessAction.DELETE): Need(OWNER),
    ("Workspace", AccessAction.CREATE_WORKFLOW): Need(
        EDITOR, "workflows:write", PlanLimit.WORKFLOWS
    ),
    ("Workspace", AccessAction.CONNECT): Need(ADMIN),
    ("Workspace", AccessAction.INVITE): Need(ADMIN, limit=PlanLimit.MEMBERS),
    ("Workspace", AccessAction.CREATE_API_KEY): Need(ADMIN),
    ("Workspace", AccessAction.READ_AUDIT_LOG): Need(ADMIN, "audit:read"),
    ("Workspace", AccessAction.OFFER_OWNERSHIP): Need(OWNER),
    ("Workflow", AccessAction.READ): Need(VIEWER, "workflows:read"),
    ("Workflow", AccessAction.UPDATE): Need(EDITOR, "workflows:write"),
    ("Workflow", AccessAction.DELETE): Need(ADMIN),
    ("Workflow", AccessAction.EXECUTE): Need(EDITOR, "executions:write", PlanLimit.EXECUTIONS),
    ("Workflow", AccessAction.DEPLOY): Need(EDITOR, "deployments:write", PlanLimit.DEPLOYMENTS),
    ("Integration", AccessAction.READ): Need(VIEWER, "integrations:read"),
    ("Integration", AccessAction.UPDATE): Need(ADMIN),
    ("Integration", AccessAction.DELETE): Need(ADMIN),
    ("Deployment", AccessAction.READ): Need(VIEWER, "deployments:read"),
    ("Deployment", AccessAction.UPDATE): Need(EDITOR, "deployments:write"),
    ("Execution", AccessAction.READ): Need(VIEWER, "executions:read"),
    ("Execution", AccessAction.UPDATE): Need(EDITOR, "executions:write"),
    ("Execution", AccessAction.READ_LOGS): Need(VIEWER, "logs:read"),
    ("Execution", AccessAction.WRITE_LOGS): Need(EDITOR, "logs:write"),
    ("Execution", AccessAction.READ_ORIGINALS): Need(OWNER, "executions:raw"),
    ("ApiKey", AccessAction.READ): Need(ADMIN, limit="itself"),  # a key may read its own name
    ("ApiKey", AccessAction.UPDATE): Need(ADMIN),
    ("WorkspaceInvitation", AccessAction.READ): Need(ADMIN),
    ("WorkspaceInvitation", AccessAction.UPDATE): Need(ADMIN),
}

EXPLAIN = One(
    ExplanationRow,
    """
    SELECT {e.*}
      FROM app.explain_access({argument.type: text}, {argument.id}, {argument.rank: int},
                              {argument.scope: text}, {argument.limit: text}, {argument.member},
                              {argument.key}) e
    """,
)
