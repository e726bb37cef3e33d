"""What is done to deployments: by people, and by the runtimes that run them.

Whoever watches is told after the commit.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from db import deployment_changes, deployment_tools, deployments, workflows, workspaces
from db.deployment_changes import Alive, Claimed, Made, Report
from db.deployments import DeploymentRow
from db.json import Json
from resolvers import definitions, exact_json
from resolvers.context import Context
from resolvers.definitions import InvalidDefinition
from resolvers.diagnostics import Diagnostic
from resolvers.errors import InvalidInput, NotFound
from resolvers.executions import LONGEST_LEASE, SHORTEST_LEASE
from resolvers.manifest import Server, manifest
from resolvers.redaction import Redaction
from resolvers.rules import obeying
from resolvers.tool_changes import Tool, ToolChange, compared

MOST_CONFIG = 64 * 1024
MOST_TOOLS = 200
MOST_TOOL_BYTES = 1024 * 1024
MOST_DEPTH = 32
MOST_TOOL_NAME = 128
MOST_URL = 500
MOST_LABEL = 50
MOST_REASON = 2_000
MOST_NAMED = 10

DEPLOYMENT = ("input", "deploymentId")
PATHS = {
    "workflows_visible": ("input", "workflowId"),
    "workflows_active": ("input", "workflowId"),
    "workflow_versions_visible": ("input", "version"),
    "deployments_url_check": ("input", "url"),
    "deployments_elsewhere": ("input", "environment"),
    "deployments_attempt": ("input", "attempt"),
    "deployments_earlier": ("input", "to"),
}
"""The input that each rule is about; any other is about the deployment."""


class Reported(NamedTuple):
    """What a runtime tells of a deployment that is up, or that failed."""

    failed: bool = False
    reason: str | None = None
    url: str | None = None
    health_url: str | None = None
    health: str | None = None
    tools: Sequence[tuple[str, str | None, Json]] | None = None


async def deploy(
    context: Context,
    workflow: UUID,
    version: int | None,
    environment: str,
    *,
    config: Json | None,
    name: str | None,
) -> UUID:
    """A deployment that waits for a runtime. Raises InvalidDefinition if nothing is to be run."""
    context.signed_in()
    settings, label = _checked_config(config), _checked_label(name)
    with obeying(("input", "workflowId"), PATHS):
        async with context.writing() as transaction:
            made = await deployment_changes.deploy(
                transaction, workflow, version, environment, config=settings, name=label
            )
            _check_runnable(made)
    return _told(context, made)


async def derive(
    context: Context,
    source: UUID,
    origin: str,
    environment: str | None = None,
    config: Json | None = None,
) -> UUID:
    """The same version once more; what is None is as there."""
    context.signed_in()
    settings = _checked_config(config)
    with obeying(DEPLOYMENT, PATHS):
        async with context.writing() as transaction:
            made = await deployment_changes.derive(
                transaction, source, origin, environment, settings
            )
            _check_runnable(made)
    return _told(context, made)


async def roll_back(context: Context, id: UUID, to: UUID | None) -> UUID:
    """Go back from a deployment to an earlier one, by default the one before."""
    context.signed_in()
    with obeying(DEPLOYMENT, PATHS):
        async with context.writing() as transaction:
            earlier = to or await deployment_changes.before(transaction, id)
            if earlier is None:
                raise NotFound("Nothing was up in its place before.", DEPLOYMENT)
            made = await deployment_changes.derive(transaction, earlier, "rollback", None, None)
            _check_runnable(made)
    return _told(context, made)


async def claim(
    context: Context, workflow: UUID | None, environment: str | None, seconds: int
) -> Claimed | None:
    """Take the next deployment that waits; None where none does."""
    context.signed_in()
    lease = timedelta(seconds=seconds)
    if not SHORTEST_LEASE <= lease <= LONGEST_LEASE:
        raise InvalidInput("A lease lasts between 5 seconds and a day.", ("input", "leaseSeconds"))
    with obeying(DEPLOYMENT, PATHS):
        async with context.writing() as transaction:
            claimed = await deployment_changes.claim(transaction, workflow, environment, lease)
    if claimed:
        context.resources.streams.touch(claimed.id)
    return claimed


async def report(context: Context, id: UUID, attempt: int | None, told: Reported) -> None:
    """It is up, in place of what was, or it has failed."""
    context.signed_in()
    redaction = await _redaction(context, id)
    tools = None if told.tools is None else _checked_tools(told.tools, redaction)
    kept = Report(
        "failed" if told.failed else "deployed",
        _masked_reason(told.reason, redaction),
        _checked_url(told.url, "url"),
        _checked_url(told.health_url, "healthCheckUrl"),
        _checked_health(told.health, redaction),
        None if tools is None else Json(exact_json.write(tools).decode()),
    )
    with obeying(DEPLOYMENT, PATHS):
        async with context.writing() as transaction:
            if tools is not None:
                before = await deployment_changes.tools_before(transaction, id, attempt)
                kept = _compared(kept, before, tools)
            placed = await deployment_changes.report(transaction, id, attempt, kept)
    touched = (id, placed.replaced) if placed.replaced else (id,)
    context.resources.streams.touch(*touched)


async def heartbeat(context: Context, id: UUID, attempt: int | None, health: str | None) -> Alive:
    """Its runtime lives."""
    context.signed_in()
    checked = health and _checked_health(health, await _redaction(context, id))
    with obeying(DEPLOYMENT, PATHS):
        async with context.writing() as transaction:
            alive = await deployment_changes.heartbeat(transaction, id, attempt, checked)
    if alive.health_changed:
        context.resources.streams.touch(id)
    return alive


async def stop(context: Context, id: UUID, reason: str | None) -> None:
    """Take it down; its runtime hears of it at its next call."""
    context.signed_in()
    said = reason and _masked_reason(reason, await _redaction(context, id))
    with obeying(DEPLOYMENT, PATHS):
        async with context.writing() as transaction:
            await deployment_changes.stop(transaction, id, said or "It was taken down.")
    context.resources.streams.touch(id)


async def described(context: Context, id: UUID) -> Json:
    """The deployment as a ``server.json``. Raises NotFound."""
    one, every = context.loaders.one, context.loaders.all
    found: DeploymentRow | None = await one(deployments.BY_ID, (id,))
    flow = found and await one(workflows.BY_ID, (found.workflow_id,))
    if found is None or flow is None:
        raise NotFound("There is no such deployment, or you may not see it.", ("deploymentId",))
    space = await one(workspaces.BY_ID, (found.workspace_id,))
    offered = await every(deployment_tools.OF_DEPLOYMENT, (id,))
    config = msgspec.json.decode(found.config, type=dict[str, object])
    extra: dict[str, exact_json.Json] = {
        "deployment": str(id),
        "environment": str(found.environment),
        "workflowVersion": found.workflow_version,
        "tools": [
            {"name": tool.name, **({"description": tool.description} if tool.description else {})}
            for tool in offered
        ],
    }
    return Json(
        manifest(
            Server(
                space.slug if space else "workspace",
                flow.name,
                flow.description,
                str(found.environment),
                found.workflow_version,
                found.deployment_version,
                found.mcp_server_url,
                config.get("transport"),
                extra,
            )
        )
    )


def _told(context: Context, made: Made) -> UUID:
    touched = (made.id, made.replaced) if made.replaced else (made.id,)
    context.resources.streams.touch(*touched)
    return made.id


def _check_runnable(made: Made) -> None:
    """A version that was right when it was saved may be wrong by later rules."""
    found = definitions.diagnose(made.definition)
    errors = [each for each in found if each.severity == "error" or each.code == "NO_NODES"]
    if errors:
        raise InvalidDefinition(errors, ("input",))


def _compared(kept: Report, before: Json | None, tools: Sequence[Tool]) -> Report:
    """The report, with what changed and a reason that names what breaks."""
    changes: list[ToolChange] = []
    if before is not None:
        changes = compared(msgspec.json.decode(before, type=list[Tool]), tools)
    breaking = [change for change in changes if change.breaking]
    reason = kept.reason
    if breaking and reason is None:
        named = [f"{each.tool}{each.pointer}: {each.message}" for each in breaking[:MOST_NAMED]]
        rest = len(breaking) - len(named)
        reason = "Breaking changes: " + " ".join(named) + (f" And {rest} more." if rest else "")
    return kept._replace(changes=Json(msgspec.json.encode(changes).decode()), reason=reason)


def _checked_config(config: Json | None) -> Json | None:
    if config is None:
        return None
    if len(config.encode()) > MOST_CONFIG:
        raise InvalidInput(f"The settings may have {MOST_CONFIG} bytes.", ("input", "config"))
    if not isinstance(msgspec.json.decode(config), dict):
        raise InvalidInput("The settings are an object.", ("input", "config"))
    return config


def _checked_label(name: str | None) -> str | None:
    if name is not None and not 0 < len(name.strip()) <= len(name) <= MOST_LABEL:
        raise InvalidInput(f"A name has between 1 and {MOST_LABEL} characters.", ("input", "name"))
    return name


async def _redaction(context: Context, id: UUID) -> Redaction:
    """What is hidden of what is said of this deployment."""
    return await context.resources.known.redaction(context.resources.database, id)


def _masked_reason(reason: str | None, redaction: Redaction) -> str | None:
    """Masked before it is cut: half a secret would not be known."""
    return None if reason is None else redaction.text(reason)[:MOST_REASON]


def _checked_health(health: str | None, redaction: Redaction) -> str | None:
    if health is not None and not 0 < len(health.strip()) <= len(health) <= MOST_LABEL:
        raise InvalidInput(
            f"A health has between 1 and {MOST_LABEL} characters, such as healthy.",
            ("input", "healthStatus"),
        )
    return None if health is None else redaction.text(health)[:MOST_LABEL]


def _checked_url(url: str | None, field: str) -> str | None:
    """An address that clients can call: whole, and without a password in it."""
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        whole = parts.scheme in ("http", "https") and bool(parts.hostname)
        fits = whole and "@" not in parts.netloc
    except ValueError:
        fits = False
    if not fits or len(url) > MOST_URL or not url.isprintable() or " " in url:
        raise InvalidInput(
            f"An address begins with https:// or http://, has at most {MOST_URL} characters and no"
            " user or password.",
            ("input", field),
        )
    return url


def _checked_tools(
    tools: Sequence[tuple[str, str | None, Json]], redaction: Redaction
) -> list[Tool]:
    size = sum(len(name) + len(said or "") + len(schema) for name, said, schema in tools)
    if len(tools) > MOST_TOOLS or size > MOST_TOOL_BYTES:
        raise InvalidInput(
            f"At most {MOST_TOOLS} tools, of {MOST_TOOL_BYTES:,} characters in all.",
            ("input", "tools"),
        )
    kept = [_checked_tool(*tool, ("input", "tools", str(n))) for n, tool in enumerate(tools)]
    names = [tool.name for tool in kept]
    for n, name in enumerate(names):
        if name in names[:n]:
            raise InvalidInput(f"There are two tools {name}.", ("input", "tools", str(n), "name"))
    return [
        Tool(each.name, _masked(each.input_schema, redaction), _masked(each.description, redaction))
        for each in kept
    ]


def _masked(said: Any, redaction: Redaction) -> Any:
    """Its texts only: a parameter called ``password`` has a type, which is no secret."""
    match said:
        case str():
            return redaction.text(said)
        case list():
            return [_masked(each, redaction) for each in said]  # pyright: ignore[reportUnknownVariableType]
        case dict():
            return {name: _masked(each, redaction) for name, each in said.items()}  # pyright: ignore[reportUnknownVariableType]
        case _:
            return said


def _checked_tool(name: str, said: str | None, schema: Json, path: tuple[str, ...]) -> Tool:
    if not 0 < len(name) <= MOST_TOOL_NAME or not name.isprintable() or " " in name:
        raise InvalidInput(
            f"A tool's name has between 1 and {MOST_TOOL_NAME} characters and no spaces.",
            (*path, "name"),
        )
    try:
        value = exact_json.read(schema.encode(), MOST_TOOL_BYTES, MOST_DEPTH)
    except exact_json.Unreadable as unreadable:
        first: Diagnostic = unreadable.diagnostics[0]
        raise InvalidInput(first.message, (*path, "inputSchema")) from None
    if not isinstance(value, dict) or value.get("type") != "object":
        raise InvalidInput(
            'An input schema is a JSON Schema with "type": "object".', (*path, "inputSchema")
        )
    return Tool(name, dict(value), said)
