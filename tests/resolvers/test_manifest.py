"""A deployment as a server.json: right by the format's rules, whatever the workflow is called."""

import json
from typing import Any

import jsonschema
import pytest

from resolvers.manifest import Server, manifest
from resolvers.server_json import read_server

FORMAT = {
    "type": "object",
    "required": ["$schema", "name", "description", "version"],
    "properties": {
        "name": {
            "type": "string",
            "minLength": 3,
            "maxLength": 200,
            "pattern": "^[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+$",
        },
        "title": {"type": "string", "minLength": 1, "maxLength": 100},
        "description": {"type": "string", "minLength": 1, "maxLength": 100},
        "version": {
            "type": "string",
            "maxLength": 255,
            "not": {"pattern": r"[\^~*<>=]|\.x|latest"},
        },
        "remotes": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["type", "url"],
                "properties": {
                    "type": {"enum": ["streamable-http", "sse"]},
                    "url": {"type": "string", "pattern": r"^https?://[^\s]+$"},
                },
            },
        },
        "_meta": {"type": "object"},
    },
}
"""The published schema of 2025-12-11, as far as what is made here touches it."""

SERVER = Server(
    "acme",
    "Order intake",
    "Takes orders\nand answers",
    "production",
    3,
    "v1.4.0",
    "https://mcp.acme.example/orders",
    None,
    {"tools": [{"name": "look_up"}]},
)


def made(**other: Any) -> dict[str, Any]:
    found = json.loads(manifest(SERVER._replace(**other)))
    jsonschema.validate(found, FORMAT)
    return found


def test_a_manifest_says_what_it_is_and_where() -> None:
    assert made() == {
        "$schema": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
        "name": "example.acme.mcp/order-intake",
        "title": "Order intake",
        "description": "Takes orders and answers",
        "version": "1.4.0",
        "remotes": [{"type": "streamable-http", "url": "https://mcp.acme.example/orders"}],
        "_meta": {
            "io.modelcontextprotocol.registry/publisher-provided": {"tools": [{"name": "look_up"}]}
        },
    }


@pytest.mark.parametrize(
    ("other", "key", "value"),
    [
        ({"url": None}, "name", "local.acme/order-intake"),
        ({"url": "http://10.1.2.3:8080/x"}, "name", "10.1.2.3/order-intake"),
        ({"url": "http://[::1]/x"}, "name", "local.acme/order-intake"),
        ({"name": "☃☃", "environment": "staging"}, "name", "example.acme.mcp/workflow-staging"),
        ({"name": "x" * 255}, "title", "x" * 100),
        ({"description": None}, "description", "Order intake"),
        ({"description": " \n"}, "description", "Order intake"),
        ({"description": "y" * 500}, "description", "y" * 100),
        ({"label": None}, "version", "3.0.0"),
        ({"label": "^1.4"}, "version", "3.0.0"),
        ({"label": "1.x"}, "version", "3.0.0"),
        ({"label": "latest"}, "version", "3.0.0"),
        ({"label": "the good one"}, "version", "3.0.0"),
        ({"transport": "sse"}, "remotes", [{"type": "sse", "url": SERVER.url}]),
    ],
)
def test_a_manifest_is_right_whatever_it_is_made_of(
    other: dict[str, Any], key: str, value: object
) -> None:
    assert made(**other)[key] == value


def test_without_an_address_there_is_no_remote() -> None:
    assert "remotes" not in made(url=None)


def test_what_is_exported_can_be_imported() -> None:
    imported = read_server(manifest(SERVER).encode())

    assert imported.name == "example.acme.mcp/order-intake"
    assert [node.type for node in imported.definition.nodes] == [
        "mcp.server",
        "mcp.remote.streamable-http",
    ]
