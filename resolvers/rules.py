"""The database's rules in words: which refusal a broken rule is, and what to do about it."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager

from db.errors import (
    BadValue,
    LimitReached,
    NotAllowed,
    NotNow,
    NotThere,
    PlanLimitReached,
    RuleBroken,
    Taken,
)
from resolvers import errors
from resolvers.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    PlanLimit,
    Refusal,
)

NO_SUCH_SCOPE = (
    "There is no such scope. A scope is a noun and what may be done to it, such as workflows:read;"
    " the client guide lists them."
)

SAID = {
    "workspaces_visible": "There is no such workspace, or you may not see it.",
    "workflows_visible": "There is no such workflow, or you may not see it.",
    "workspaces_create": "Only a person who is signed in creates a workspace; an API key does not.",
    "workspaces_write": "You may see this workspace but not change it; that takes an admin.",
    "workspaces_owner": "That is for the owner of the workspace alone.",
    "workspaces_deleted": (
        "You own no deleted workspace like this that can still be restored; see"
        " `viewer { deletedWorkspaces }`."
    ),
    "workspaces_most": (
        "You own as many workspaces as one person may: delete one, or offer one to somebody else."
    ),
    "workspaces_deleted_most": (
        "You have deleted so many workspaces lately that you can make no more before the first of"
        " them are gone for good, 30 days after they were deleted."
    ),
    "workspaces_slug_key": "Another workspace has this slug; choose another.",
    "workspaces_settings_check": "A setting has a value that is not allowed.",
    "members_visible": "There is no such member, or you may not see it.",
    "members_write": "Members are looked after by the admins of the workspace.",
    "members_owner": "Nobody becomes the owner, or stops being it, but by an offer of ownership.",
    "members_owner_stays": "The owner cannot leave; offer the ownership to a member first.",
    "members_already": "Whoever has this address belongs to the workspace already.",
    "workspace_invitations_visible": "There is no such invitation, or you may not see it.",
    "workspace_invitations_one_open": (
        "This address is invited already; send that invitation again, or revoke it."
    ),
    "workspace_invitations_domain": (
        "The workspace's settings allow invitations into its own domains only."
    ),
    "workspace_invitations_answered": "The invitation was answered or taken back; invite anew.",
    "workspace_invitations_open": (
        "There is no open invitation like this for you: it was answered, taken back, has expired,"
        " or is for another address."
    ),
    "users_email_verified": "Verify the e-mail address of your account first.",
    "ownership_offers_visible": "There is no such offer, or you may not see it.",
    "ownership_offers_side": "The offer is not yours to answer.",
    "ownership_offers_open": "The offer was answered, withdrawn, or has expired.",
    "ownership_offers_other_check": "The workspace is yours already.",
    "api_keys_visible": "There is no such API key, or you may not see it.",
    "api_keys_write": "API keys are looked after by the admins of the workspace.",
    "api_keys_revoked": "The API key is revoked, and stays so; make a new one.",
    "api_keys_rotatable": "Only an active key is rotated, and once; rotate its successor.",
    "api_keys_one_successor": "The key was rotated at this moment; rotate its successor.",
    "scopes_held": "Nobody gives away a scope that they do not hold themselves.",
    "api_keys_scopes_check": NO_SUCH_SCOPE,
    "workspace_users_permissions_check": NO_SUCH_SCOPE,
    "workspace_invitations_permissions_check": NO_SUCH_SCOPE,
    "api_keys_life": "The workspace's settings let API keys live less long; let it expire earlier.",
    "executions_visible": "There is no such execution, or you may not see it.",
    "workflows_write": (
        "You may read this workspace but not change its workflows; that takes the role of an"
        " editor, or the scope workflows:write."
    ),
    "execution_logs_write": (
        "You may read this execution but not write to its log; that takes the role of an editor,"
        " or the scope logs:write."
    ),
    "executions_write": (
        "You may read this workspace but not execute its workflows; that takes the role of an"
        " editor, or the scope executions:write."
    ),
    "integrations_visible": "There is no such integration, or you may not see it.",
    "integrations_write": (
        "You may see this but not change integrations; that takes the role of an admin."
    ),
    "integrations_workspace_id_service_name_key": (
        "There is an integration of this service and account already; name the account otherwise."
    ),
    "executions_raw": (
        "You may read this execution but not what was masked of it; that takes the owner of the"
        " workspace, or the scope executions:raw."
    ),
    "webhooks_visible": "There is no such webhook, or you may not see it.",
    "webhooks_write": (
        "You may read this workspace but not have others told of it; that takes the role of an"
        " admin."
    ),
    "webhooks_most": "A workspace has at most 20 webhooks; remove one, or have one told of more.",
    "webhooks_active": "The webhook is switched off; make it active first.",
    "webhook_deliveries_visible": "There is no such delivery, or you may not see it.",
    "webhook_deliveries_idle": "The delivery is under way; wait to see what comes of it.",
    "deployments_attempt": (
        "The deployment was claimed anew after a silence longer than its lease; stop working on it."
    ),
    "deployments_earlier": "Only what was up once, and is not now, can be gone back to.",
    "deployments_elsewhere": "It is in this environment already; name another.",
    "deployments_final": "The deployment has ended; deploy again.",
    "deployments_url_check": "Say where MCP clients reach it; without that it is not up.",
    "deployments_up": "Only what is up can be promoted; wait until its runtime reports it up.",
    "deployments_write": (
        "You may read this workspace but not deploy in it; that takes the role of an editor, or"
        " the scope deployments:write."
    ),
    "deployments_visible": "There is no such deployment, or you may not see it.",
    "deployments_of_workflow": "The workflow has no such deployment.",
    "deployments_version": "The deployment runs another version; leave the version out.",
    "deployments_running": "The deployment is down; deploy again, or leave the deployment out.",
    "workflow_versions_visible": "The workflow has no such version.",
    "workflows_active": "Only an active workflow is deployed; set its status to ACTIVE first.",
    "workflows_archived": "The workflow is archived; make it active first.",
    "workflows_delete": "You see this workflow, but deleting it takes the role of an admin.",
    "workflows_deployed": "The workflow is deployed; stop its deployments first.",
    "workflows_status": "An active workflow is no draft again; set it inactive first.",
    "workflows_tags": "A workflow has at most 50 tags.",
    "workflows_version_current": "Somebody else saved the workflow first; read it again.",
    "executions_final": "The execution has ended; how it ended is final.",
    "executions_ended": "The execution still runs; cancel it, or wait for its end.",
    "executions_id_free": "Another execution has this id; make a new UUIDv7.",
    "execution_jobs_attempt": (
        "The execution was claimed anew after a silence longer than its lease; stop working on it."
    ),
    "execution_streams_open": "The execution has ended; its log takes no more lines.",
}

KINDS: dict[type[RuleBroken], tuple[type[Refusal], str]] = {
    NotThere: (NotFound, "There is no such thing, or you may not see it."),
    NotAllowed: (Forbidden, "You may not do this."),
    NotNow: (Conflict, "This cannot be done now; read it again."),
    Taken: (Conflict, "Something else has this value already."),
    RuleBroken: (InvalidInput, "A value is not allowed here."),
}


def refusal_for(broken: RuleBroken, path: Sequence[str] = ()) -> Refusal:
    if isinstance(broken, PlanLimitReached):
        return PlanLimit(broken.limit, broken.used, broken.allowed, broken.plan, path)
    if isinstance(broken, LimitReached):
        return errors.LimitReached(SAID[broken.rule], broken.used, broken.allowed, path)
    refusal, said = KINDS[type(broken)]
    return refusal(SAID.get(broken.rule, said), path)


@contextmanager
def obeying(
    path: Sequence[str] = (), paths: Mapping[str, Sequence[str]] | None = None
) -> Generator[None]:
    """Raises the refusal for a rule that the block breaks.

    ``path`` is the input that it is about, ``paths`` that of certain rules.
    """
    try:
        yield
    except RuleBroken as broken:
        raise refusal_for(broken, (paths or {}).get(broken.rule, path)) from broken
    except BadValue as bad:
        raise InvalidInput(
            "A value is out of range or holds a character that cannot be kept.", path
        ) from bad
