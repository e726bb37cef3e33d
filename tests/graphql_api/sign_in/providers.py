"""Providers over HTTP: an issuer of OpenID Connect with real signatures, and GitHub's API."""

import secrets
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.graphql_api.wires import serving

CLIENT_ID, CLIENT_SECRET = "the platform", "the platform's secret: 50%"
REDIRECT_URI = "https://app.example.org/signed-in"


@dataclass(eq=False)
class Endpoint:
    """A provider of one user, who always agrees. ``url`` is where it is."""

    url: str = ""
    user: dict[str, Any] = field(default_factory=lambda: {})
    emails: list[dict[str, Any]] = field(default_factory=lambda: [])
    codes: dict[str, dict[str, str]] = field(default_factory=lambda: {})
    key: RSAKey | OctKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "1"}))
    published: RSAKey | None = None
    """What it shows as its key, if another than it signs with."""
    claims: dict[str, Any] = field(default_factory=lambda: {})
    """What the next ID tokens say otherwise; None leaves a claim out."""
    algorithm: str = "RS256"
    requests: list[str] = field(default_factory=lambda: [])

    def authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT_ID
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        back = urlencode({"code": code, "state": asked["state"]})
        return RedirectResponse(f"{asked['redirect_uri']}?{back}")

    def exchanged(self, form: dict[str, str]) -> dict[str, str] | None:
        """What was asked when the code was given out, if the code is good: once, with PKCE."""
        asked = self.codes.pop(form["code"], None)
        if asked is None or form["redirect_uri"] != asked["redirect_uri"]:
            return None
        hashed = urlsafe_b64encode(sha256(form["code_verifier"].encode()).digest())
        return asked if hashed.decode().rstrip("=") == asked["code_challenge"] else None


class Issuer(Endpoint):
    """Speaks OpenID Connect."""

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self.discover),
                Route("/authorize", self.authorize),
                Route("/token", self.token, methods=["POST"]),
                Route("/keys", self.keys),
            ]
        )

    def discover(self, _: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )

    async def token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        scheme, _, given = request.headers["authorization"].partition(" ")
        who = [unquote(each) for each in b64decode(given).decode().split(":")]
        asked = self.exchanged(form)
        if scheme != "Basic" or who != [CLIENT_ID, CLIENT_SECRET] or asked is None:
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(time.time())
        claims: dict[str, Any] = {"iss": self.url, "aud": CLIENT_ID, "iat": now, "exp": now + 60}
        claims |= {"nonce": asked["nonce"], **self.user, **self.claims}
        claims = {name: value for name, value in claims.items() if value is not None}
        header = {"alg": self.algorithm, "kid": self.key.kid}
        return JSONResponse(
            {
                "access_token": "opaque",
                "token_type": "Bearer",
                "id_token": jwt.encode(header, claims, self.key),
            }
        )

    def keys(self, _: Request) -> Response:
        self.requests.append("keys")
        key = self.published or self.key
        return JSONResponse({"keys": [key.as_dict(private=False)]})


class GitHub(Endpoint):
    """Answers as GitHub does, which is OAuth 2 with an API of its own."""

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/login/oauth/authorize", self.authorize),
                Route("/login/oauth/access_token", self.token, methods=["POST"]),
                Route("/user", self.who),
                Route("/user/emails", self.addresses),
            ]
        )

    async def token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        known = (form["client_id"], form["client_secret"]) == (CLIENT_ID, CLIENT_SECRET)
        assert request.headers["accept"] == "application/json"
        if not known or self.exchanged(form) is None:
            return JSONResponse({"error": "bad_verification_code"})
        return JSONResponse({"access_token": "gho_1", "scope": "user:email"})

    def who(self, request: Request) -> Response:
        return self.to_the_bearer(request, self.user)

    def addresses(self, request: Request) -> Response:
        return self.to_the_bearer(request, self.emails)

    def to_the_bearer(self, request: Request, answer: Any) -> Response:
        if request.headers.get("authorization") != "Bearer gho_1":
            return JSONResponse({"message": "Bad credentials"}, 401)
        return JSONResponse(answer)


@asynccontextmanager
async def issuing() -> AsyncGenerator[Issuer]:
    issuer = Issuer()
    async with serving(issuer.app()) as address:
        issuer.url = f"http://{address}"
        yield issuer


@asynccontextmanager
async def a_github() -> AsyncGenerator[GitHub]:
    github = GitHub()
    async with serving(github.app()) as address:
        github.url = f"http://{address}"
        yield github


async def agreed(url: str) -> tuple[str, str]:
    """What a browser that goes there comes back with: code and state."""
    async with httpx.AsyncClient() as browser:
        response = await browser.get(url)
    back = urlsplit(response.headers["location"])
    assert f"{back.scheme}://{back.netloc}{back.path}" == REDIRECT_URI
    given = dict(parse_qsl(back.query))
    return given["code"], given["state"]
