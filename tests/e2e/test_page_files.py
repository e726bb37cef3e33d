"""The files that GraphiQL is made of, as the server hands them out."""

import json
import re
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette

from graphql_api.graphiql import DemoSignIn, routes
from graphql_api.graphiql.pages import DIST

ASSETS = sorted(path.name for path in (DIST / "assets").iterdir())


def client_of(demo: DemoSignIn | None = None) -> httpx.AsyncClient:
    app = Starlette(routes=routes(demo=demo))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://server")


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with client_of() as client:
        yield client


def settings_in(html: str) -> object:
    found = re.search(r'<script id="page-settings" type="application/json">(.*?)</script>', html)
    assert found
    return json.loads(found[1])


@pytest.mark.parametrize("name", ASSETS)
async def test_an_asset_is_kept_for_ever(client: httpx.AsyncClient, name: str) -> None:
    answer = await client.get(f"/graphiql/assets/{name}")
    assert answer.status_code == 200
    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.content == (DIST / "assets" / name).read_bytes()


async def test_an_asset_is_small_on_the_way(client: httpx.AsyncClient) -> None:
    largest = max(ASSETS, key=lambda name: (DIST / "assets" / name).stat().st_size)
    answer = await client.get(f"/graphiql/assets/{largest}", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert int(answer.headers["Content-Length"]) < len(answer.content) / 3


async def test_a_client_without_gzip_gets_the_file_as_it_is(client: httpx.AsyncClient) -> None:
    answer = await client.get(
        f"/graphiql/assets/{ASSETS[0]}", headers={"Accept-Encoding": "identity"}
    )
    assert "Content-Encoding" not in answer.headers
    assert answer.content == (DIST / "assets" / ASSETS[0]).read_bytes()


@pytest.mark.parametrize("name", ["unknown.js", "..%2findex.html", "%2e%2e%2froutes.py"])
async def test_only_assets_of_the_build_are_handed_out(
    client: httpx.AsyncClient, name: str
) -> None:
    assert (await client.get(f"/graphiql/assets/{name}")).status_code == 404


async def test_the_page_is_asked_for_again_each_time(client: httpx.AsyncClient) -> None:
    assert (await client.get("/graphiql")).headers["Cache-Control"] == "no-cache"


async def test_the_page_names_no_other_host() -> None:
    html = (DIST / "index.html").read_text()
    assert re.findall(r'(?:src|href)="(?!graphiql/assets/)[^"]*"', html) == []


async def test_no_script_but_our_own_may_run(client: httpx.AsyncClient) -> None:
    policy = (await client.get("/graphiql")).headers["Content-Security-Policy"]
    assert "default-src 'none'; script-src 'self';" in policy
    assert "http" not in policy


async def test_an_ordinary_server_offers_no_demonstration(client: httpx.AsyncClient) -> None:
    html = (await client.get("/graphiql")).text
    assert settings_in(html) == {"graphqlUrl": "/graphql", "demo": None}


async def test_a_demonstration_server_offers_its_sign_in() -> None:
    async with client_of(DemoSignIn("ada@example.com", "</script><script>")) as client:
        html = (await client.get("/graphiql")).text
    assert settings_in(html) == {
        "graphqlUrl": "/graphql",
        "demo": {"email": "ada@example.com", "password": "</script><script>"},
    }


async def test_the_licence_notices_are_at_hand(client: httpx.AsyncClient) -> None:
    notices = (await client.get("/graphiql/licenses")).text
    assert "graphiql 5" in notices
    assert "monaco-editor" in notices
    assert "SIL OPEN FONT LICENSE" in notices
