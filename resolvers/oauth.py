"""Sign-in by somebody else's word: OAuth 2 at GitHub, OpenID Connect at any issuer.

Authorization code with PKCE (RFC 7636), state and nonce (RFC 9700, OpenID Connect Core). What has
to be remembered between the two steps is sealed in a flow token, which the browser that began
keeps: whoever lures somebody to the end of another's flow does not have it.
"""

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit
from uuid import UUID

import httpx
import msgspec
import structlog
from authlib.oauth2.rfc6749.parameters import (  # pyright: ignore[reportMissingTypeStubs]
    prepare_grant_uri,  # pyright: ignore[reportUnknownVariableType]
)
from authlib.oauth2.rfc7636 import (  # pyright: ignore[reportMissingTypeStubs]
    create_s256_code_challenge,  # pyright: ignore[reportUnknownVariableType]
)
from joserfc.errors import JoseError

from resolvers.errors import InvalidInput, Refusal
from resolvers.id_tokens import Keys, claims_of

log = structlog.stdlib.get_logger("resolvers.oauth")

FLOW_SECONDS = 600
SECONDS = 10.0
"""Time that a provider has for each answer."""
KNOWN_SECONDS = 3600.0
"""For so long a discovery document is good."""
GOOGLE = "https://accounts.google.com"
LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class OAuthFailed(Refusal):
    """The provider did not say who it is, or the flow is not one that was begun here."""

    code = "OAUTH_FAILED"


class Provider(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A provider as operators describe it.

    With an ``issuer`` it speaks OpenID Connect; without one it is GitHub. ``trust_email``: an
    address that it calls verified is proven for us too. GitHub's and Google's are.
    """

    name: str
    client_id: str
    client_secret: str
    issuer: str | None = None
    url: str = "https://github.com"
    api_url: str = "https://api.github.com"
    trust_email: bool | None = None

    def __post_init__(self) -> None:
        for url in (self.issuer or self.url, self.api_url):
            parts = urlsplit(url)
            if parts.scheme != "https" and parts.hostname not in LOOPBACK:
                raise ValueError(f"{self.name} needs https, not {url}")

    @property
    def email_is_proof(self) -> bool:
        if self.trust_email is None:
            return self.issuer in (None, GOOGLE)
        return self.trust_email


class Someone(NamedTuple):
    """Who it is, by the word of a provider; ``email`` only where it is proven."""

    subject: str
    email: str | None
    name: str | None


class Flow(msgspec.Struct, frozen=True):
    """What is remembered of a flow. ``link_to``: the account that it links the identity to."""

    provider: str
    redirect_uri: str
    state: str
    nonce: str
    verifier: str
    expires_at: float
    link_to: UUID | None = None


class Begun(NamedTuple):
    """Where to send the browser, and what to remember."""

    url: str
    flow: Flow


class Providers:
    """Those that are set up, and where they may send people back to."""

    def __init__(
        self, providers: Sequence[Provider] = (), redirect_uris: Sequence[str] = ()
    ) -> None:
        self._providers = {each.name: each for each in providers}
        self._redirect_uris = frozenset(redirect_uris)
        self._known: dict[str, tuple[float, Mapping[str, Any]]] = {}
        self._keys: dict[str, Keys] = {}

    @property
    def names(self) -> list[str]:
        return list(self._providers)

    def named(self, name: str) -> Provider:
        """Raises InvalidInput."""
        provider = self._providers.get(name)
        if provider is None:
            known = ", ".join(self.names) or "none"
            raise InvalidInput(f"Known providers: {known}.", ("input", "provider"))
        return provider

    async def begin(self, name: str, redirect_uri: str, link_to: UUID | None = None) -> Begun:
        """Raises InvalidInput, OAuthFailed."""
        provider = self.named(name)
        if redirect_uri not in self._redirect_uris:
            raise InvalidInput(
                "This address is not among those that people may be sent back to.",
                ("input", "redirectUri"),
            )
        flow = Flow(
            name,
            redirect_uri,
            secrets.token_urlsafe(32),
            secrets.token_urlsafe(32),
            secrets.token_urlsafe(48),
            time.time() + FLOW_SECONDS,
            link_to,
        )
        try:
            async with _http() as http:
                known = await self._described(provider, http)
            endpoint = _text(known["authorization_endpoint"])
        except FAULTS as error:
            raise _failed(provider, error) from error
        return Begun(_authorization_url(provider, endpoint, flow), flow)

    async def complete(self, flow: Flow, code: str, state: str) -> Someone:
        """Who came back. Raises OAuthFailed."""
        provider = self.named(flow.provider)
        if not secrets.compare_digest(state.encode(), flow.state.encode()):
            raise OAuthFailed("The state is not that of this flow; begin anew.")
        if flow.expires_at < time.time():
            raise OAuthFailed("This took too long; begin anew.")
        try:
            async with _http() as http:
                known = await self._described(provider, http)
                token = await _token(provider, http, known, flow, code)
                if provider.issuer is None:
                    return await _at_github(provider, http, _text(token["access_token"]))
                return await self._by_id_token(provider, http, known, flow, token)
        except FAULTS as error:
            raise _failed(provider, error) from error

    async def _by_id_token(
        self,
        provider: Provider,
        http: httpx.AsyncClient,
        known: Mapping[str, Any],
        flow: Flow,
        token: Mapping[str, Any],
    ) -> Someone:
        keys, url = self._keys.setdefault(provider.name, Keys()), _text(known["jwks_uri"])
        claims = await claims_of(
            _text(token["id_token"]),
            lambda kid: keys.known(http, url, kid),
            issuer=str(provider.issuer),
            audience=provider.client_id,
            nonce=flow.nonce,
        )
        proven = claims.get("email_verified") is True and provider.email_is_proof
        email = claims.get("email") if proven else None
        name = claims.get("name")
        return Someone(_text(claims["sub"]), _text_or_none(email), _text_or_none(name))

    async def _described(
        self, provider: Provider, http: httpx.AsyncClient
    ) -> Mapping[str, Any]:
        """Where the provider's endpoints are: its discovery document."""
        if provider.issuer is None:
            return {
                "authorization_endpoint": f"{provider.url}/login/oauth/authorize",
                "token_endpoint": f"{provider.url}/login/oauth/access_token",
                "token_endpoint_auth_methods_supported": ["client_secret_post"],
            }
        read_at, known = self._known.get(provider.name, (-KNOWN_SECONDS, {}))
        if time.monotonic() - read_at > KNOWN_SECONDS:
            where = f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration"
            known = (await http.get(where)).raise_for_status().json()
            if known["issuer"] != provider.issuer:
                raise ValueError("the discovery document is another issuer's")
            self._known[provider.name] = (time.monotonic(), known)
        return known


FAULTS = (httpx.HTTPError, httpx.InvalidURL, JoseError, ValueError, KeyError, TypeError)
"""What comes of a provider that is down, lies, or speaks in tongues."""


def _http() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=SECONDS, headers={"Accept": "application/json"})


def _authorization_url(provider: Provider, endpoint: str, flow: Flow) -> str:
    more = {"nonce": flow.nonce} if provider.issuer else {}
    make: Callable[..., str] = prepare_grant_uri  # pyright: ignore[reportUnknownVariableType]
    return make(
        endpoint,
        provider.client_id,
        "code",
        redirect_uri=flow.redirect_uri,
        scope="openid email profile" if provider.issuer else "read:user user:email",
        state=flow.state,
        code_challenge=str(create_s256_code_challenge(flow.verifier)),  # pyright: ignore[reportUnknownArgumentType]
        code_challenge_method="S256",
        **more,
    )


async def _token(
    provider: Provider, http: httpx.AsyncClient, known: Mapping[str, Any], flow: Flow, code: str
) -> Mapping[str, Any]:
    """What the code is exchanged for."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": flow.redirect_uri,
        "code_verifier": flow.verifier,
    }
    who = (provider.client_id, provider.client_secret)
    ways = known.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    if "client_secret_post" in ways:
        form |= dict(zip(("client_id", "client_secret"), who, strict=True))
        response = await http.post(_text(known["token_endpoint"]), data=form)
    else:
        basic = httpx.BasicAuth(*(quote(each, safe="") for each in who))  # RFC 6749, 2.3.1
        response = await http.post(_text(known["token_endpoint"]), data=form, auth=basic)
    token: Mapping[str, Any] = response.raise_for_status().json()
    if error := token.get("error"):  # GitHub answers 200 all the same
        raise ValueError(f"the token endpoint answered {error}")
    return token


async def _at_github(provider: Provider, http: httpx.AsyncClient, token: str) -> Someone:
    headers = {"Accept": "application/vnd.github+json", "Authorization": f"Bearer {token}"}
    response = await http.get(f"{provider.api_url}/user", headers=headers)
    user = response.raise_for_status().json()
    response = await http.get(f"{provider.api_url}/user/emails", headers=headers)
    found = response.raise_for_status().json()
    proven = [each["email"] for each in found if each["primary"] and each["verified"]]
    email = proven[0] if proven and provider.email_is_proof else None
    return Someone(str(int(user["id"])), _text_or_none(email), user["name"] or user["login"])


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("there is no text where a provider must say something")
    return value


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _failed(provider: Provider, error: Exception) -> OAuthFailed:
    reason = f"{type(error).__name__}: {error}"[:200]
    log.warning("sign-in by a provider failed", provider=provider.name, reason=reason)
    return OAuthFailed(f"{provider.name} did not confirm who you are; try again.")
