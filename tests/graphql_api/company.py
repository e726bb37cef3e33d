"""A real server of the demonstration, and its people as they ask over HTTP."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from graphql_api.app import create_app
from graphql_api.settings import read_settings
from resolvers import demo
from tests.graphql_api.wires import serving

SECRET = "the secret that every test of the database uses"

SIGN_UP = """
mutation ($email: String!, $password: String!, $name: String!) {
  signUp(input: {email: $email, password: $password, name: $name}) { errors { message } }
}
"""
SIGN_IN = """
mutation ($email: String!, $password: String!) {
  signIn(input: {email: $email, password: $password}) { errors { message } accessToken }
}
"""
WORKSPACE = "query ($slug: String!) { workspaceBySlug(slug: $slug) { id } }"

Data = dict[str, Any]


class Asking:
    """Somebody who asks a server; ``by`` is how the last answer was made."""

    def __init__(self, client: httpx.AsyncClient, token: str | None = None) -> None:
        self._client, self.by = client, ""
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    async def __call__(self, query: str, **variables: Any) -> Data:
        """The data of an answer without errors."""
        response = await self.post(query, **variables)
        body = response.json()
        assert "errors" not in body, body["errors"]
        self.by = response.headers["X-Graphql-Plan"]
        return body["data"]

    async def post(self, query: str, **variables: Any) -> httpx.Response:
        body = {"query": query, "variables": variables}
        return await self._client.post("/graphql", json=body, headers=self._headers)

    async def workspace(self, slug: str) -> str:
        """The id of a workspace that may be seen."""
        return (await self(WORKSPACE, slug=slug))["workspaceBySlug"]["id"]

PASSWORD = "correct horse battery"


class Company:
    """The server, and everybody who may come."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self.nobody = Asking(client)
        self.owner = self.editor = self.viewer = self.stranger = self.nobody

    async def sign_in(self, email: str, password: str = demo.PASSWORD) -> Asking:
        answer = await self.nobody(SIGN_IN, email=email, password=password)
        assert answer["signIn"]["errors"] == []
        return Asking(self._client, answer["signIn"]["accessToken"])

    async def gather(self) -> None:
        await self.nobody(SIGN_UP, email="zoe@example.com", password=PASSWORD, name="Zoe")
        self.owner = await self.sign_in("demo@example.com")
        self.editor = await self.sign_in("noor@example.com")
        self.viewer = await self.sign_in("tomas@example.com")
        self.stranger = await self.sign_in("zoe@example.com", PASSWORD)


@asynccontextmanager
async def company(url: str) -> AsyncGenerator[Company]:
    """``url`` is a superuser's, of a database with the demonstration."""
    chosen = read_settings(
        database_url=url, secret_key=SECRET, pool_size=4, max_body_bytes=8 * 1024 * 1024
    )
    async with (
        serving(create_app(chosen), lifespan=True) as address,
        httpx.AsyncClient(base_url=f"http://{address}", timeout=30) as client,
    ):
        found = Company(client)
        await found.gather()
        yield found
