"""The database's rules in words: which refusal a broken rule is, and what to do about it."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager

from db.errors import BadValue, NotAllowed, NotNow, NotThere, RuleBroken
from resolvers.errors import Conflict, Forbidden, InvalidInput, NotFound, Refusal

SAID = {
    "workspaces_visible": "There is no such workspace, or you may not see it.",
    "workflows_visible": "There is no such workflow, or you may not see it.",
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
    "deployments_visible": "There is no such deployment, or you may not see it.",
    "deployments_of_workflow": "The workflow has no such deployment.",
    "deployments_version": "The deployment runs another version; leave the version out.",
    "deployments_running": "The deployment is down; deploy again, or leave the deployment out.",
    "workflow_versions_visible": "The workflow has no such version.",
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
    RuleBroken: (InvalidInput, "A value is not allowed here."),
}


def refusal_for(broken: RuleBroken, path: Sequence[str] = ()) -> Refusal:
    refusal, said = KINDS[type(broken)]
    return refusal(SAID.get(broken.rule, said), path)


@contextmanager
def obeying(path: Sequence[str] = ()) -> Generator[None]:
    """Raises the refusal for a rule that the block breaks; ``path`` is the input it is about."""
    try:
        yield
    except RuleBroken as broken:
        raise refusal_for(broken, path) from broken
    except BadValue as bad:
        raise InvalidInput(
            "A value is out of range or holds a character that cannot be kept.", path
        ) from bad
