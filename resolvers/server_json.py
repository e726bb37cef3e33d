"""MCP's ``server.json``: a published server read as a definition, with a report.

The server becomes a node, and so does each way to reach it (a package to run, a remote to call);
an edge of kind ``alternative`` leads to each. Both spellings of the format are read, that of
mid-2025 (``registry_name``) and the later one (``registryType``); what is made has the later one.
"""

from collections.abc import Iterator, Mapping
from typing import TypeAlias, TypeGuard
from urllib.parse import urlsplit

from resolvers import exact_json
from resolvers.definitions import MOST_NAME, Definition, Edge, Node
from resolvers.diagnostics import Diagnostic, Findings, Path, pointer, quoted
from resolvers.exact_json import Json, Unreadable
from resolvers.imported import (
    MOST_BYTES,
    MOST_DEPTH,
    Imported,
    ImportRefused,
    fitting_name,
    refuse_errors,
    refuse_unfit,
)

ALTERNATIVE = "alternative"

_Object: TypeAlias = dict[str, Json]

_PACKAGE = {
    "registry_name": "registryType",
    "registry_type": "registryType",
    "registry_base_url": "registryBaseUrl",
    "name": "identifier",
    "file_sha256": "fileSha256",
    "runtime_hint": "runtimeHint",
    "runtime_arguments": "runtimeArguments",
    "package_arguments": "packageArguments",
    "environment_variables": "environmentVariables",
}
_REMOTE = {"transport_type": "type"}
_INPUT = {
    "is_required": "isRequired",
    "is_secret": "isSecret",
    "is_repeated": "isRepeated",
    "value_hint": "valueHint",
}
_INPUTS = ("runtimeArguments", "packageArguments", "environmentVariables", "headers")
_SERVER_LEFT = frozenset(("name", "description", "packages", "remotes"))
_SIGNS = frozenset(("packages", "remotes", "version", "version_detail", "repository", "$schema"))
_LOCAL = frozenset(("localhost", "127.0.0.1", "::1", "0.0.0.0"))  # noqa: S104


def read_server(data: bytes, name: str = "") -> Imported:
    """The one server of a file. Its own name is used, or ``name`` if that is empty.

    Raises ImportRefused.
    """
    found = list(_entries(data))
    if len(found) != 1:
        message = f"The file has {len(found)} servers. Import them from a file each."
        raise ImportRefused([Diagnostic("NOT_ONE_SERVER", message, "")])
    return _imported(*found[0], name)


def read_servers(data: bytes) -> list[Imported | ImportRefused]:
    """Every server of a registry's list, in order, each imported or refused by itself.

    Raises ImportRefused if it is no list of servers at all.
    """
    answers: list[Imported | ImportRefused] = []
    for entry, at in _entries(data):
        try:
            answers.append(_imported(entry, at, ""))
        except ImportRefused as refused:
            answers.append(refused)
    return answers


def _entries(data: bytes) -> Iterator[tuple[Json, Path]]:
    try:
        value = exact_json.read(data, MOST_BYTES, MOST_DEPTH)
    except Unreadable as unreadable:
        raise ImportRefused(unreadable.diagnostics) from None
    at: Path = None
    if isinstance(value, dict) and isinstance(value.get("servers"), list):
        value, at = value["servers"], (None, "servers")
    if not isinstance(value, list):
        yield _unwrapped(value, at)
        return
    for i, item in enumerate(value):
        yield _unwrapped(item, (at, i))


def _unwrapped(entry: Json, at: Path) -> tuple[Json, Path]:
    if isinstance(entry, dict) and isinstance(entry.get("server"), dict):
        return entry["server"], (at, "server")
    return entry, at


def _is_text(value: Json) -> TypeGuard[str]:
    return isinstance(value, str) and bool(value.strip())


def _imported(server: Json, at: Path, name: str) -> Imported:
    if not isinstance(server, dict) or not server.keys() & _SIGNS:
        message = 'This is no server.json: it has neither "packages" nor "remotes".'
        raise ImportRefused([Diagnostic("NOT_SERVER_JSON", message, pointer(at))])
    findings = Findings()
    called, description = server.get("name"), server.get("description")
    if not _is_text(called):
        called = name
    if not called.strip():
        message = "The server has no name."
        raise ImportRefused([Diagnostic("BAD_SERVER", message, pointer(at))])
    called = called.strip()
    config = {key: server[key] for key in server if key not in _SERVER_LEFT}
    nodes = [Node("server", "mcp.server", called[:MOST_NAME], config)]
    nodes += _ways(server, at, findings)
    refuse_errors(findings)
    if len(nodes) == 1:
        message = "It names no package and no remote, so there is nothing to run."
        findings.warning("NOTHING_TO_RUN", message, at)
    if len(called) > MOST_NAME:
        message = f"The name is cut to {MOST_NAME} characters."
        findings.warning("NAME_CHANGED", message, (at, "name"))
    if not isinstance(description, str | None):
        message = "The description is left out: it is not text."
        findings.warning("LEFT_OUT", message, (at, "description"))
    edges = tuple(Edge("server", node.id, kind=ALTERNATIVE) for node in nodes[1:])
    definition = Definition(tuple(nodes), edges)
    refuse_unfit(definition)
    said = description.strip() if isinstance(description, str) else ""
    return Imported(fitting_name(called, name), said or None, [], definition, list(findings))


def _ways(server: _Object, at: Path, findings: Findings) -> Iterator[Node]:
    """The packages and the remotes, a node each."""
    for key, spelling in (("packages", _PACKAGE), ("remotes", _REMOTE)):
        ways = server.get(key)
        if not isinstance(ways, list | None):
            findings.error("BAD_SERVER", f'"{key}" must be a list.', (at, key))
            continue
        for i, way in enumerate(ways or ()):
            place = ((at, key), i)
            if not isinstance(way, dict):
                findings.error("BAD_SERVER", "It must be an object.", place)
                continue
            config = _respelled(way, spelling, place, findings)
            for inputs in [key for key in _INPUTS if key in config]:
                old = inputs if inputs in way else _old_spelling(inputs)
                config[inputs] = _inputs(config[inputs], inputs, (place, old), findings)
            make = _package if spelling is _PACKAGE else _remote
            yield make(config, i + 1, place, findings)


def _respelled(part: _Object, table: Mapping[str, str], at: Path, findings: Findings) -> _Object:
    """The same with the later spelling of its keys; where both are there, the later counts."""
    found: _Object = {}
    for key, value in part.items():
        new = table.get(key, key)
        if new != key and (new in part or new in found):
            message = f"{quoted(key)} is left out: {quoted(new)} says the same."
            findings.warning("LEFT_OUT", message, (at, key))
        else:
            found[new] = value
    return found


def _old_spelling(key: str) -> str:
    return next(old for old, new in _PACKAGE.items() if new == key)


def _package(config: _Object, number: int, at: Path, findings: Findings) -> Node:
    identifier, registry = config.get("identifier"), config.get("registryType")
    if not _is_text(identifier):
        findings.error("BAD_SERVER", "A package needs a name.", at)
    if not _is_text(registry) or registry == "unknown":
        message = f"The package {quoted(str(identifier))} is in no known registry."
        findings.warning("UNKNOWN_REGISTRY", message, at)
        registry = "unknown"
    if not _is_text(config.get("version")):
        message = f"The package {quoted(str(identifier))} has no version; the newest would run."
        findings.warning("NO_VERSION", message, at)
    return _way(f"package-{number}", f"mcp.package.{registry}", str(identifier), config)


def _remote(config: _Object, number: int, at: Path, findings: Findings) -> Node:
    url, transport = config.get("url"), config.get("type")
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        findings.error("BAD_SERVER", "A remote needs a url that begins with https://.", at)
    elif _host(url) in _LOCAL:
        message = f"The remote {quoted(url)} is on the machine of whoever calls it."
        findings.warning("LOCAL_REMOTE", message, (at, "url"))
    if not _is_text(transport):
        message = f"The remote {quoted(str(url))} does not say how it is spoken to."
        findings.warning("UNKNOWN_TRANSPORT", message, at)
        transport = "unknown"
    return _way(f"remote-{number}", f"mcp.remote.{transport}", str(url), config)


def _way(id: str, type: str, name: str, config: _Object) -> Node:
    """A node whose type and name are as long as they may be; the config has them whole."""
    return Node(id, type[:MOST_NAME].strip(), name[:MOST_NAME].strip(), config)


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _inputs(given: Json, key: str, at: Path, findings: Findings) -> Json:
    """Respell the inputs under a key, take secrets out, and say what is still to be given."""
    if not isinstance(given, list):
        return given
    inputs: list[Json] = []
    for i, each in enumerate(given):
        if not isinstance(each, dict):
            findings.error("BAD_SERVER", "It must be an object.", (at, i))
            continue
        one = _respelled(each, _INPUT, (at, i), findings)
        _take_secret(one, (at, i), findings)
        _report_missing(one, key, (at, i), findings)
        inputs.append(one)
    return inputs


def _take_secret(one: _Object, at: Path, findings: Findings) -> None:
    for key in ("value", "default"):
        if one.get("isSecret") is True and one.get(key):
            del one[key]
            message = f"The {key} of a secret is left out; connect an integration."
            findings.warning("SECRET_LEFT_OUT", message, (at, key))


def _report_missing(one: _Object, key: str, at: Path, findings: Findings) -> None:
    values = [text for each in ("value", "default") if isinstance(text := one.get(each), str)]
    name = one.get("name") or one.get("valueHint")
    if key in ("environmentVariables", "headers") and not any(values):
        message = f"{quoted(str(name))} has no value; it is to be given when the server is run."
        findings.info("NEEDS_VALUE", message, at)
    if any("<" in text and ">" in text for text in values):
        message = f"The value of {quoted(str(name))} has a place to fill in."
        findings.warning("PLACEHOLDER", message, at)
