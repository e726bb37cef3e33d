from __future__ import annotations

from db import deployment_tools
from db.json import Json
from graphql_api.declare import over


@over(deployment_tools.DeploymentToolRow)
class DeploymentTool:
    """A tool that an MCP server offers."""

    name: str
    """How clients call it."""
    description: str | None
    """What it does."""
    input_schema: Json
    """What it takes: a JSON Schema of an object."""


@over(deployment_tools.ToolChangeRow)
class ToolChange:
    """How a tool differs from the one of its name that was up before."""

    tool: str
    """The tool."""
    code: str
    """What kind of change it is, in capitals. Never changes."""
    breaking: bool
    """Whether a call that was right before may be refused now."""
    pointer: str
    """Where in its input schema: a JSON pointer (RFC 6901)."""
    message: str
    """The same in a sentence for people."""
