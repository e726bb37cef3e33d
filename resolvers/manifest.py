"""A deployment as MCP's ``server.json``: what a registry or a client reads to reach it."""

import re
from typing import NamedTuple
from urllib.parse import urlsplit

from resolvers import exact_json
from resolvers.exact_json import Json

SCHEMA = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"
EXTRA = "io.modelcontextprotocol.registry/publisher-provided"
"""Where the format takes what it has no word for."""

MOST_TITLE = MOST_DESCRIPTION = 100
MOST_NAME = 200
MOST_PART = 90

_VERSION = re.compile(r"(?!latest$)\d[0-9A-Za-z.+-]*")
_WILDCARD = re.compile(r"(^|\.)[xX*](\.|$)")


class Server(NamedTuple):
    """What a manifest is made of. ``extra`` is this platform's own to say."""

    workspace: str
    name: str
    description: str | None
    environment: str
    version: int
    label: str | None
    url: str | None
    transport: object
    extra: dict[str, Json]


def manifest(server: Server) -> str:
    """The JSON text. It has a remote once its address is known."""
    title = server.name.strip()[:MOST_TITLE]
    said = " ".join((server.description or title).split())
    whole: dict[str, Json] = {
        "$schema": SCHEMA,
        "name": _name(server)[:MOST_NAME],
        "title": title,
        "description": said[:MOST_DESCRIPTION].rstrip() or title,
        "version": _version(server),
        "_meta": {EXTRA: server.extra},
    }
    if server.url:
        transport = "sse" if server.transport == "sse" else "streamable-http"
        whole["remotes"] = [{"type": transport, "url": server.url}]
    return exact_json.write(whole).decode()


def _name(server: Server) -> str:
    """In reverse-DNS form: of the host that it is reached at, or of the workspace until then."""
    host = urlsplit(server.url).hostname if server.url else None
    if host and not re.search(r"[^a-zA-Z0-9.-]", host):
        space = host if re.fullmatch(r"[\d.]+", host) else ".".join(reversed(host.split(".")))
    else:
        space = f"local.{server.workspace}"
    name = re.sub(r"[^a-z0-9]+", "-", server.name.lower()).strip("-")[:MOST_PART] or "workflow"
    if server.environment != "production":
        name += f"-{server.environment}"
    return f"{space.strip('.')[-MOST_PART:]}/{name}"


def _version(server: Server) -> str:
    """The deployment's own name where that is a version, else the workflow's version."""
    label = (server.label or "").removeprefix("v")
    if _VERSION.fullmatch(label) and not _WILDCARD.search(label):
        return label
    return f"{server.version}.0.0"
