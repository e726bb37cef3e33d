"""Documents that are asked for by a hash: registered ones, and those that clients sent before."""

import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from graphql_api import app, trusted
from graphql_api.app import create_app
from graphql_api.cli import main
from graphql_api.messages import Body, RequestFault
from graphql_api.settings import BadSettings, read_settings
from graphql_api.trusted import Trusted, hash_of, read_manifest
from tests.conftest import NewDatabase
from tests.graphql_api.wires import serving

SECRET = "the secret that every test of the database uses"
QUERY = "query Known { __typename }"
OTHER = "query Other { viewer { __typename } }"
EVENTS = 'subscription Lines { executionLogs(executionId: "none") { __typename } }'
DATA = {"data": {"__typename": "Query"}}


@pytest.fixture(scope="module")
async def url(new_database: NewDatabase, template: str) -> str:
    return await new_database(template)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("documents") / "trusted.json"
    file.write_text(json.dumps({hash_of(text): text for text in (QUERY, EVENTS)}))
    return file


def server(url: str, **given: object) -> Starlette:
    settings = read_settings(database_url=url, secret_key=SECRET, pool_size=2, **given)
    return create_app(settings)


@pytest.fixture(scope="module")
async def closed(url: str, manifest: Path) -> AsyncGenerator[httpx.AsyncClient]:
    """A server that runs registered documents only."""
    with_file = server(url, trusted_documents=manifest, trusted_documents_only=True)
    async with (
        serving(with_file, lifespan=True) as address,
        httpx.AsyncClient(base_url=f"http://{address}") as client,
    ):
        yield client


@pytest.fixture(scope="module")
async def anything(url: str) -> AsyncGenerator[httpx.AsyncClient]:
    """A server that runs what it is sent."""
    async with (
        serving(server(url), lifespan=True) as address,
        httpx.AsyncClient(base_url=f"http://{address}") as client,
    ):
        yield client


async def ask(client: httpx.AsyncClient, **body: object) -> Any:
    return (await client.post("/graphql", json=body)).json()


def apollo(id: str) -> dict[str, object]:
    return {"persistedQuery": {"version": 1, "sha256Hash": id}}


def code_of(answer: Any) -> str:
    return answer["errors"][0]["extensions"]["code"]


@pytest.mark.parametrize(
    "body",
    [
        {"documentId": f"sha256:{hash_of(QUERY)}"},
        {"documentId": hash_of(QUERY)},
        {"extensions": apollo(hash_of(QUERY))},
        {"query": QUERY},
        {"query": QUERY, "extensions": apollo(hash_of(QUERY))},
    ],
)
async def test_a_registered_document_runs_by_its_hash_or_its_text(
    closed: httpx.AsyncClient, body: dict[str, object]
) -> None:
    assert await ask(closed, **body) == DATA


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"query": OTHER}, "DOCUMENT_NOT_TRUSTED"),
        ({"query": OTHER, "extensions": apollo(hash_of(OTHER))}, "DOCUMENT_NOT_TRUSTED"),
        ({"query": QUERY + " "}, "DOCUMENT_NOT_TRUSTED"),
        ({"documentId": hash_of(OTHER)}, "PERSISTED_QUERY_NOT_FOUND"),
        ({"query": OTHER, "documentId": hash_of(QUERY)}, "PERSISTED_QUERY_MISMATCH"),
        ({"extensions": {"persistedQuery": {"version": 2}}}, "BAD_REQUEST"),
        ({"extensions": {"persistedQuery": None}}, "BAD_REQUEST"),
        ({}, "BAD_REQUEST"),
    ],
)
async def test_no_other_document_runs(
    closed: httpx.AsyncClient, body: dict[str, object], code: str
) -> None:
    assert code_of(await ask(closed, **body)) == code


async def test_a_registered_subscription_is_still_none_for_http(closed: httpx.AsyncClient) -> None:
    answer = await ask(closed, documentId=hash_of(EVENTS))

    assert code_of(answer) == "SUBSCRIPTION_OVER_HTTP"


async def test_a_registered_operation_has_a_name_in_the_metrics(
    closed: httpx.AsyncClient, anything: httpx.AsyncClient
) -> None:
    await ask(closed, query=QUERY)
    await ask(anything, query=OTHER)
    told = (await closed.get("/metrics")).text

    assert 'graphql_requests_total{operation="Known",outcome="ok",type="query"}' in told
    assert 'operation="Other"' not in told


async def test_a_document_that_was_sent_with_its_hash_is_known_by_it(
    anything: httpx.AsyncClient,
) -> None:
    text = "query Sent { __typename }"
    before = await ask(anything, extensions=apollo(hash_of(text)))
    sent = await ask(anything, query=text, extensions=apollo(hash_of(text)))
    after = await ask(anything, extensions=apollo(hash_of(text)))

    assert code_of(before) == "PERSISTED_QUERY_NOT_FOUND"
    assert before["errors"][0]["message"] == "PersistedQueryNotFound"
    assert sent == after == DATA


async def test_nobody_puts_a_document_under_the_hash_of_another(
    anything: httpx.AsyncClient,
) -> None:
    answer = await ask(anything, query=QUERY, extensions=apollo(hash_of(OTHER)))
    after = await ask(anything, extensions=apollo(hash_of(OTHER)))

    assert code_of(answer) == "PERSISTED_QUERY_MISMATCH"
    assert code_of(after) == "PERSISTED_QUERY_NOT_FOUND"


def test_what_clients_send_is_kept_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trusted, "MOST_DOCUMENTS", 2)
    kept = Trusted()
    texts = [f"query Q{number} {{ __typename }}" for number in range(3)]
    for text in texts:
        kept.fill(Body(text, extensions=apollo(hash_of(text))))

    with pytest.raises(RequestFault):
        kept.fill(Body(extensions=apollo(hash_of(texts[0]))))
    last = Body(extensions=apollo(hash_of(texts[2])))
    kept.fill(last)
    assert last.query == texts[2]


class TestRegistering:
    """The build step."""

    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        return tmp_path / "trusted.json"

    def add(self, *words: str | Path) -> object:
        with pytest.raises(SystemExit) as ended:
            main(["documents", "add", *map(str, words)])
        return ended.value.code

    def test_documents_are_added_by_hash_and_those_before_stay(
        self, file: Path, tmp_path: Path
    ) -> None:
        for name, text in (("a", QUERY), ("b", OTHER)):
            (tmp_path / f"{name}.graphql").write_text(text)
            assert self.add(tmp_path / f"{name}.graphql", "--to", file) == 0

        assert read_manifest(file) == {hash_of(text): text for text in (QUERY, OTHER)}

    def test_what_the_schema_refuses_is_not_added(
        self, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        good, bad = tmp_path / "good.graphql", tmp_path / "bad.graphql"
        good.write_text(QUERY)
        bad.write_text("query Wrong { nonsense }")

        assert self.add(good, bad, "--to", file) == 1
        assert "nonsense" in capsys.readouterr().err
        assert not file.exists()

    def test_what_relay_and_apollo_write_is_read(self, file: Path, tmp_path: Path) -> None:
        relay, apollo_s = tmp_path / "relay.json", tmp_path / "apollo.json"
        relay.write_text(json.dumps({"an-id": QUERY}))
        operation = {"id": "another", "name": "Other", "type": "query", "body": OTHER}
        apollo_s.write_text(
            json.dumps({"format": trusted.APOLLO, "version": 1, "operations": [operation]})
        )

        assert self.add(relay, apollo_s, "--to", file) == 0
        assert read_manifest(file) == {"an-id": QUERY, "another": OTHER}

    @pytest.mark.parametrize("text", ["[", "[1]", '{"a": 1}', f'{{"format": "{trusted.APOLLO}"}}'])
    def test_a_file_that_is_none_is_said_at_the_start(self, file: Path, text: str) -> None:
        file.write_text(text)
        with pytest.raises(BadSettings, match=file.name):
            read_manifest(file)

    def test_only_registered_ones_takes_a_file_of_them(self, url: str) -> None:
        only = read_settings(database_url=url, secret_key=SECRET, trusted_documents_only=True)
        with pytest.raises(BadSettings, match="TRUSTED_DOCUMENTS_ONLY"):
            app.trusted(only)
