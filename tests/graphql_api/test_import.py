"""Importing workflows over HTTP and from the command line: all of a file is stored, or nothing."""

import json
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import asyncpg
import pytest

from db.secrets import Secrets
from db.session import connect
from graphql_api.importing import import_files
from graphql_api.settings import Settings, read_settings
from resolvers import demo
from resolvers.errors import NotFound
from tests.conftest import NewDatabase, silent
from tests.graphql_api.company import SECRET, Asking, Company, company

if TYPE_CHECKING:
    from asyncpg import Connection, Record

ROOT = Path(__file__).parents[2]
OWN = ROOT / "tests" / "data"
REAL = ROOT.parent / "shared" / "data"
GOOD = [OWN / "n8n_loop.json", *sorted((REAL / "n8n").glob("*.json"))]
BROKEN = [OWN / "n8n_broken.json", *sorted((REAL / "n8n-broken").glob("*.json"))]
LOOP = (OWN / "n8n_loop.json").read_text(encoding="utf-8")
SERVER = (OWN / "server.json").read_text(encoding="utf-8")
SMALLEST = '{"nodes": [{"name": "A", "type": "n8n-nodes-base.start"}], "connections": {}}'

TABLES = ("workflows", "workflow_versions", "audit_logs")

IMPORT = """
mutation ($input: ImportWorkflowInput!) {
  importWorkflow(input: $input) {
    errors {
      __typename code message path
      ... on ImportRefusedError { problems { code message pointer severity } }
    }
    workflow { id name status version createdBy { email } }
    report { code message pointer severity }
  }
}
"""
READ = """
query ($id: ID!) {
  node(id: $id) {
    ... on Workflow {
      definition
      workspace { slug }
      versions { totalCount nodes { version definition changelog createdBy { email } } }
    }
  }
}
"""

Data = dict[str, Any]
Ends = tuple[str, str]


@pytest.fixture(scope="module")
async def url(new_database: NewDatabase, template: str, secrets: Secrets) -> str:
    """A database with the demonstration, for all of these tests."""
    url = await new_database(template)
    async with connect(url, secrets, size=2) as database:
        assert await demo.load(database, silent) is not None
    return url


@pytest.fixture(scope="module")
async def people(url: str) -> AsyncGenerator[Company]:
    async with company(url) as found:
        yield found


@pytest.fixture(scope="module")
async def acme(people: Company) -> str:
    """The id of a workspace."""
    return await people.owner.workspace("acme")


@pytest.fixture(scope="module")
async def rows(url: str) -> "AsyncGenerator[Connection[Record]]":
    """Counts past every policy."""
    connection: Connection[Record] = await asyncpg.connect(url)
    yield connection
    await connection.close()


@pytest.fixture
async def nothing_stored(rows: "Connection[Record]") -> AsyncGenerator[None]:
    """Holds that the test leaves no row behind."""
    before = await counts(rows)
    yield
    assert await counts(rows) == before


async def counts(rows: "Connection[Record]") -> list[int]:
    return [await rows.fetchval(f"SELECT count(*) FROM {table}") for table in TABLES]


async def take(asking: Asking, workspace: str, source: str, **more: object) -> Data:
    """The payload of an import."""
    given = {"workspaceId": workspace, "source": source, **more}
    return (await asking(IMPORT, input=given))["importWorkflow"]


async def refused(asking: Asking, workspace: str, source: str, **more: object) -> Data:
    """The one error of an import that makes nothing."""
    payload = await take(asking, workspace, source, **more)
    assert (payload["workflow"], payload["report"]) == (None, [])
    (error,) = payload["errors"]
    return error


# The file as anybody can read it, without any help of the importer


def text_of(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def ends_of(source: str) -> Counter[Ends]:
    return Counter(ends for ends, _ in connections_of(source))


def connections_of(source: str) -> Iterator[tuple[Ends, str]]:
    """From which node to which each connection leads, and its place in the file."""
    for name, kinds in json.loads(source)["connections"].items():
        for kind, outputs in kinds.items():
            for output, entries in enumerate(cast(list[list[Data] | None], outputs)):
                for n, entry in enumerate(entries or ()):
                    yield (name, entry["node"]), f"/connections/{name}/{kind}/{output}/{n}"


def nodes_of(source: str) -> Counter[str]:
    return Counter(node["name"] for node in json.loads(source)["nodes"])


def resolve(source: str, pointer: str) -> Any:
    value = json.loads(source)
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        value = cast(Any, value[int(key)] if isinstance(value, list) else value[key])
    return value


# Real exports


@pytest.mark.parametrize("file", GOOD, ids=lambda file: file.stem)
async def test_every_connection_of_an_export_is_read_back_through_the_graph(
    people: Company, acme: str, file: Path
) -> None:
    source = text_of(file)
    payload = await take(people.owner, acme, source, name=file.stem)
    assert payload["errors"] == []
    assert payload["workflow"]["status"] == "DRAFT"
    stored = (await people.owner(READ, id=payload["workflow"]["id"]))["node"]
    names = {node["id"]: node["name"] for node in stored["definition"]["nodes"]}
    kept = Counter((names[e["from"]], names[e["to"]]) for e in stored["definition"]["edges"])
    assert kept == ends_of(source)
    notes = [note["config"]["name"] for note in stored["definition"].get("notes", ())]
    assert Counter([*names.values(), *notes]) == nodes_of(source)


@pytest.mark.parametrize("file", BROKEN, ids=lambda file: file.stem)
async def test_a_connection_that_names_no_node_is_told_with_its_place(
    people: Company, acme: str, nothing_stored: None, file: Path
) -> None:
    source = text_of(file)
    error = await refused(people.owner, acme, source)
    assert (error["__typename"], error["code"]) == ("ImportRefusedError", "IMPORT_REFUSED")
    names = nodes_of(source)
    broken = {
        place: {name for name in ends if name not in names}
        for ends, place in connections_of(source)
        if not names.keys() >= set(ends)
    }
    told = {each["pointer"]: each for each in error["problems"]}
    assert told.keys() == broken.keys()
    for place, unknown in broken.items():
        assert (told[place]["code"], told[place]["severity"]) == ("UNKNOWN_NODE", "ERROR")
        assert all(f'no node is named "{name}"' in told[place]["message"] for name in unknown)


async def test_what_did_not_map_is_reported_with_its_place(people: Company, acme: str) -> None:
    payload = await take(people.owner, acme, LOOP)
    found = {(each["code"], each["severity"]) for each in payload["report"]}
    assert found >= {("LOOP_DECLARED", "INFO"), ("ID_MADE", "INFO"), ("LEFT_OUT", "INFO")}
    for each in payload["report"]:
        resolve(LOOP, each["pointer"])
    (pinned,) = (each for each in payload["report"] if each["pointer"] == "/pinData/Send")
    assert pinned["message"] == 'The data pinned to "Send" is left out.'


async def test_the_import_is_version_one_of_whoever_imported_it(people: Company, acme: str) -> None:
    payload = await take(people.editor, acme, LOOP)
    assert payload["workflow"]["createdBy"] == {"email": "noor@example.com"}
    stored = (await people.owner(READ, id=payload["workflow"]["id"]))["node"]
    assert stored["workspace"] == {"slug": "acme"}
    (version,) = stored["versions"]["nodes"]
    assert version == {
        "version": 1,
        "definition": stored["definition"],
        "changelog": "Imported from n8n",
        "createdBy": {"email": "noor@example.com"},
    }


async def test_a_file_without_a_name_is_called_as_the_client_says(
    people: Company, acme: str
) -> None:
    payload = await take(people.owner, acme, SMALLEST, name="Smallest")
    assert payload["workflow"]["name"] == "Smallest"


async def test_a_published_server_is_imported(people: Company, acme: str) -> None:
    payload = await take(people.owner, acme, SERVER, format="SERVER_JSON")
    assert payload["errors"] == []
    assert payload["workflow"]["name"]


# What is refused

DEEP_NODE = json.dumps(
    {"nodes": [{"name": "A", "type": "t", "parameters": "HERE"}], "connections": {}}
).replace('"HERE"', '{"a":' * 90 + "1" + "}" * 90)

REFUSED = {
    "nothing": ("", "NOT_JSON"),
    "no JSON": ("nodes: []", "NOT_JSON"),
    "half a file": (LOOP[: len(LOOP) // 2], "NOT_JSON"),
    "a picture": (bytes(range(256)).decode("latin-1"), "NOT_JSON"),
    "zeros": ("\0" * 1000, "NOT_JSON"),
    "half a character": (SMALLEST.replace("A", "\\ud83d"), None),
    "a zero in a name": (SMALLEST.replace("A", "\\u0000"), None),
    "an endless list": ("[" * 100_000, "TOO_DEEP"),
    "a deep node": (DEEP_NODE, "TOO_DEEP"),
    "a huge file": (SMALLEST + " " * (4 * 1024 * 1024), "TOO_LARGE"),
    "too many nodes": (
        json.dumps({"nodes": [{"name": f"{n}", "type": "t"} for n in range(2001)]}),
        "TOO_MANY_NODES",
    ),
    "null": ("null", None),
    "a number": ("1e400", None),
    "a text": ('"nodes"', None),
    "a list of numbers": ("[1, 2]", None),
    "an empty object": ("{}", None),
    "nodes that are no list": ('{"nodes": {}, "connections": {}}', None),
    "nodes that are numbers": ('{"nodes": [1], "connections": {}}', "BAD_NODE"),
    "a key twice": ('{"nodes": [], "nodes": [], "connections": {}}', "REPEATED_KEY"),
    "a package": ('{"name": "left-pad", "version": "1.3.0", "scripts": {"test": "x"}}', None),
    "a map": ('{"type": "FeatureCollection", "features": []}', None),
    "a published server": (SERVER, None),
    "several workflows": (f"[{SMALLEST}, {SMALLEST}]", "SEVERAL_WORKFLOWS"),
}


@pytest.mark.parametrize(("source", "code"), REFUSED.values(), ids=REFUSED)
async def test_what_is_no_export_is_refused_and_nothing_is_stored(
    people: Company, acme: str, nothing_stored: None, source: str, code: str | None
) -> None:
    error = await refused(people.owner, acme, source)
    assert error["code"] == "IMPORT_REFUSED"
    assert error["message"].startswith("Nothing was imported. ")
    assert error["problems"]
    if code is not None:
        assert error["problems"][0]["code"] == code


async def test_an_export_is_no_published_server(
    people: Company, acme: str, nothing_stored: None
) -> None:
    assert (await refused(people.owner, acme, LOOP, format="SERVER_JSON"))[
        "code"
    ] == "IMPORT_REFUSED"


# Who may


async def test_a_viewer_may_not_import(people: Company, acme: str, nothing_stored: None) -> None:
    error = await refused(people.viewer, acme, LOOP)
    assert (error["__typename"], error["code"]) == ("ForbiddenError", "FORBIDDEN")
    assert error["path"] == ["input", "workspaceId"]
    assert "editor" in error["message"]


NO_SUCH_WORKSPACE = {
    "__typename": "NotFoundError",
    "code": "NOT_FOUND",
    "message": "There is no such workspace, or you may not see it.",
    "path": ["input", "workspaceId"],
}


async def test_to_a_stranger_the_workspace_is_not_there(
    people: Company, acme: str, nothing_stored: None
) -> None:
    assert await refused(people.stranger, acme, LOOP) == NO_SUCH_WORKSPACE


async def test_to_nobody_the_workspace_is_not_there(
    people: Company, acme: str, nothing_stored: None
) -> None:
    assert await refused(people.nobody, acme, LOOP) == NO_SUCH_WORKSPACE


@pytest.mark.parametrize("id", ["", "acme", "V29ya3NwYWNl", "00000000-0000-4000-8000-000000000000"])
async def test_an_id_that_is_no_workspaces_is_answered_in_the_same_words(
    people: Company, nothing_stored: None, id: str
) -> None:
    assert await refused(people.owner, id, LOOP) == NO_SUCH_WORKSPACE


# From the command line

Ran = tuple[int, list[str]]


@pytest.fixture
def chosen(url: str) -> Settings:
    return read_settings(database_url=url, secret_key=SECRET)


@pytest.fixture
def run(chosen: Settings, capsys: pytest.CaptureFixture[str]) -> Callable[..., Awaitable[Ran]]:
    """Imports files into the playground; the exit code and the lines printed."""

    async def run(*files: Path, slug: str = "playground", remarks: bool | None = None) -> Ran:
        code = await import_files(chosen, "n8n", files, slug, silent, remarks=remarks)
        return code, capsys.readouterr().out.splitlines()

    return run


async def test_a_file_is_imported_as_the_owner_of_the_workspace(
    run: Callable[..., Awaitable[Ran]], people: Company
) -> None:
    code, lines = await run(OWN / "n8n_loop.json")
    assert code == 0
    assert lines[0] == (
        "[1/1] imported  n8n_loop.json: Answer the day's letters"
        " (6 nodes, 6 edges, 1 note, 11 remarks)"
    )
    assert len(lines) == 1 + 11 + 1
    newest = await people.owner(
        'query { workspaceBySlug(slug: "playground") { workflows(first: 1, orderBy: NEWEST)'
        " { nodes { name createdBy { email } } } } }"
    )
    assert newest["workspaceBySlug"]["workflows"]["nodes"] == [
        {"name": "Answer the day's letters", "createdBy": {"email": "demo@example.com"}}
    ]


async def test_a_file_that_is_refused_does_not_stop_the_others(
    run: Callable[..., Awaitable[Ran]], tmp_path: Path, rows: "Connection[Record]"
) -> None:
    before = await rows.fetchval("SELECT count(*) FROM workflows")
    missing = tmp_path / "missing.json"
    code, lines = await run(OWN / "n8n_broken.json", missing, OWN / "n8n_loop.json")
    assert code == 1
    assert lines[0] == f"[1/3] refused   {OWN / 'n8n_broken.json'}: nothing of it was stored"
    assert "no node is named" in lines[1]
    assert lines[1].endswith("]")
    assert f"[2/3] refused   {missing}: nothing of it was stored" in lines
    assert "  ! No such file or directory" in lines
    assert lines[-2].startswith("[3/3] imported  n8n_loop.json")
    assert lines[-1] == "1 imported, 2 refused"
    assert await rows.fetchval("SELECT count(*) FROM workflows") == before + 1


async def test_of_a_folder_every_json_file_is_taken(
    run: Callable[..., Awaitable[Ran]], tmp_path: Path
) -> None:
    for name in ("b.json", "a.json", "notes.txt"):
        (tmp_path / name).write_text(SMALLEST)
    code, lines = await run(tmp_path)
    assert code == 0
    assert lines == [
        "[1/2] imported  a.json: a (1 node, 0 edges, 1 remark)",
        "[2/2] imported  b.json: b (1 node, 0 edges, 1 remark)",
        "2 imported, 0 refused",
    ]


async def test_the_remarks_on_many_files_are_printed_when_asked_for(
    run: Callable[..., Awaitable[Ran]], tmp_path: Path
) -> None:
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text(SMALLEST)
    _, lines = await run(tmp_path, remarks=True)
    assert lines.count("  - It has no id; one is made of its name. [/nodes/0]") == 2


async def test_a_huge_file_is_refused_without_being_read_whole(
    run: Callable[..., Awaitable[Ran]], tmp_path: Path, nothing_stored: None
) -> None:
    file = tmp_path / "huge.json"
    with file.open("wb") as opened:
        opened.truncate(1 << 40)
    code, lines = await run(file)
    assert code == 1
    assert "at most 4,194,304 are taken" in lines[1]


async def test_an_unknown_workspace_is_told_with_those_there_are(
    run: Callable[..., Awaitable[Ran]], nothing_stored: None
) -> None:
    with pytest.raises(NotFound) as refusal:
        await run(OWN / "n8n_loop.json", slug="acne")
    assert str(refusal.value).startswith(
        "There is no workspace with the slug acne. There are: acme, playground"
    )
