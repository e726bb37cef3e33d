"""Published MCP servers: read in both spellings, with what is still to be done in the report."""

import json
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resolvers.definitions import Edge, accept, check, write
from resolvers.imported import Imported, ImportRefused
from resolvers.server_json import read_server, read_servers

ROOT = Path(__file__).parents[2]
OWN = ROOT / "tests" / "data" / "server.json"
REAL = ROOT.parent / "shared" / "data" / "mcp" / "registry-seed.json"
REGISTRY = REAL if REAL.exists() else OWN


def encoded(value: object) -> bytes:
    return json.dumps(value).encode()


def server(**more: object) -> bytes:
    return encoded({"name": "org.example/s", "packages": [], **more})


def codes(imported: Imported) -> list[tuple[str, str]]:
    return [(each.code, each.pointer) for each in imported.report]


def refused(data: bytes) -> list[tuple[str, str]]:
    with pytest.raises(ImportRefused) as refusal:
        read_server(data)
    return [(each.code, each.pointer) for each in refusal.value.problems]


def resolve(value: Any, pointer: str) -> Any:
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        value = cast(Any, value[int(key)] if isinstance(value, list) else value[key])
    return value


def entries() -> list[dict[str, Any]]:
    whole = json.loads(REGISTRY.read_bytes())
    return cast(list[dict[str, Any]], whole if isinstance(whole, list) else [whole])


def test_every_named_server_of_a_registry_is_imported_and_every_nameless_one_refused() -> None:
    answers = read_servers(REGISTRY.read_bytes())
    named = [bool(entry["name"]) for entry in entries()]
    assert [isinstance(answer, Imported) for answer in answers] == named


def test_every_package_and_remote_of_a_registry_becomes_a_node() -> None:
    for entry, answer in zip(entries(), read_servers(REGISTRY.read_bytes()), strict=True):
        if isinstance(answer, Imported):
            nodes = {node.id: node for node in answer.definition.nodes}
            assert nodes.pop("server").name == entry["name"]
            for i, package in enumerate(entry.get("packages", ()), 1):
                config = nodes.pop(f"package-{i}").config
                assert config["identifier"] == package["name"]
                for old, new in (
                    ("environment_variables", "environmentVariables"),
                    ("package_arguments", "packageArguments"),
                ):
                    inputs = cast(list[object], config.get(new, []))
                    assert len(inputs) == len(package.get(old, []))
            for i, remote in enumerate(entry.get("remotes", ()), 1):
                assert nodes.pop(f"remote-{i}").config["url"] == remote["url"]
            assert not nodes


def test_what_is_imported_from_a_registry_can_be_stored_and_read_again() -> None:
    for answer in read_servers(REGISTRY.read_bytes()):
        if isinstance(answer, Imported):
            assert accept(write(answer.definition)) == answer.definition


def test_every_line_of_a_registrys_report_points_into_the_file() -> None:
    whole = json.loads(REGISTRY.read_bytes())
    for answer in read_servers(REGISTRY.read_bytes()):
        for each in answer.report if isinstance(answer, Imported) else answer.problems:
            resolve(whole, each.pointer)


def test_each_way_to_reach_a_server_is_an_alternative() -> None:
    definition = read_server(OWN.read_bytes()).definition
    assert [(node.id, node.type) for node in definition.nodes] == [
        ("server", "mcp.server"),
        ("package-1", "mcp.package.npm"),
        ("package-2", "mcp.package.unknown"),
        ("remote-1", "mcp.remote.sse"),
    ]
    ways = ("package-1", "package-2", "remote-1")
    assert definition.edges == tuple(Edge("server", way, kind="alternative") for way in ways)
    assert check(definition) == []


def test_what_is_still_to_be_done_is_reported() -> None:
    package = "/packages/0"
    assert codes(read_server(OWN.read_bytes())) == [
        ("PLACEHOLDER", f"{package}/package_arguments/0"),
        ("SECRET_LEFT_OUT", f"{package}/environment_variables/0/value"),
        ("NEEDS_VALUE", f"{package}/environment_variables/0"),
        ("UNKNOWN_REGISTRY", "/packages/1"),
        ("NO_VERSION", "/packages/1"),
        ("LOCAL_REMOTE", "/remotes/0/url"),
    ]


def test_the_value_of_a_secret_is_not_kept() -> None:
    assert "k-123" not in write(read_server(OWN.read_bytes()).definition)


def test_the_rest_of_the_entry_is_kept_with_the_server() -> None:
    config = read_server(OWN.read_bytes()).definition.nodes[0].config
    assert config.keys() == {"repository", "version_detail"}


def test_both_spellings_give_the_same() -> None:
    old = {
        "registry_name": "npm",
        "name": "p",
        "version": "1",
        "runtime_hint": "npx",
        "environment_variables": [{"name": "K", "is_required": True, "is_secret": True}],
    }
    new = {
        "registryType": "npm",
        "identifier": "p",
        "version": "1",
        "runtimeHint": "npx",
        "environmentVariables": [{"name": "K", "isRequired": True, "isSecret": True}],
    }
    first, second = (read_server(server(packages=[package])) for package in (old, new))
    assert first.definition == second.definition


def test_of_two_spellings_of_one_key_the_later_counts() -> None:
    package = {"registryType": "npm", "registry_name": "pypi", "identifier": "p", "version": "1"}
    imported = read_server(server(packages=[package]))
    assert imported.definition.nodes[1].type == "mcp.package.npm"
    assert codes(imported) == [("LEFT_OUT", "/packages/0/registry_name")]


def test_a_server_in_a_registrys_answer_is_found() -> None:
    answer = b'{"servers": [{"server": {"name": "a/b", "remotes": []}, "_meta": {}}]}'
    (imported,) = read_servers(answer)
    assert isinstance(imported, Imported)
    assert codes(imported) == [("NOTHING_TO_RUN", "/servers/0/server")]


def test_a_nameless_server_takes_the_name_given() -> None:
    assert read_server(server(name=""), "From the file").name == "From the file"


NO_SERVERS: list[tuple[bytes, str, str]] = [
    (b"", "NOT_JSON", ""),
    (b"[" * 100_000, "TOO_DEEP", ""),
    (b"\xff\xfe\xfd", "NOT_UTF8", ""),
    (b"null", "NOT_SERVER_JSON", ""),
    (b"{}", "NOT_SERVER_JSON", ""),
    (b'{"name": "x"}', "NOT_SERVER_JSON", ""),
    (b"[]", "NOT_ONE_SERVER", ""),
    (b"[1]", "NOT_SERVER_JSON", "/0"),
    (server(name=""), "BAD_SERVER", ""),
    (server(name=7), "BAD_SERVER", ""),
    (server(packages={}), "BAD_SERVER", "/packages"),
    (server(packages=[1]), "BAD_SERVER", "/packages/0"),
    (b'{"name": "a/b", "packages": [{}]}', "BAD_SERVER", "/packages/0"),
    (server(remotes=[{"type": "sse"}]), "BAD_SERVER", "/remotes/0"),
    (server(remotes=[{"type": "sse", "url": "file:///etc"}]), "BAD_SERVER", "/remotes/0"),
    (
        server(remotes=[{"url": "https://e.org", "headers": [1]}]),
        "BAD_SERVER",
        "/remotes/0/headers/0",
    ),
]


@pytest.mark.parametrize(("data", "code", "pointer"), NO_SERVERS, ids=lambda value: str(value[:40]))
def test_what_is_no_server_is_refused_with_the_reason(data: bytes, code: str, pointer: str) -> None:
    assert refused(data)[0] == (code, pointer)


WORDS = """name packages remotes registry_name registryType identifier version url type value
environment_variables environmentVariables headers is_secret isSecret default server servers"""
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["a", "", "<a>", "https://e.org"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(WORDS.split()), inner, max_size=5)
    ),
    max_leaves=15,
)
LIKE_A_SERVER = st.fixed_dictionaries(
    {"name": st.just("a/b") | ANYTHING},
    optional={"packages": st.lists(ANYTHING, max_size=2), "remotes": ANYTHING},
)


@given(LIKE_A_SERVER | ANYTHING)
@settings(deadline=None, max_examples=100)
def test_anything_is_imported_fit_to_be_stored_or_refused(value: Any) -> None:
    try:
        imported = read_server(encoded(value))
    except ImportRefused as refusal:
        findings = list(refusal.problems)
    else:
        findings = imported.report
        assert not [each for each in check(imported.definition) if each.severity == "error"]
    for each in findings:
        resolve(value, each.pointer)
