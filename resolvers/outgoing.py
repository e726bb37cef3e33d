"""Calls to addresses that people entered: the one way out, which leads to the public internet only.

A name is resolved once, every address that it has is looked at, and the connection goes to one of
those: a name that resolves otherwise a moment later changes nothing. What is no public address is
refused, unless it lies in a network that the operator allows. Only there is http without TLS
called, or a port other than 443 and 8443. Redirects are not followed, proxies and .netrc are not
heeded.
"""

import asyncio
import ipaddress
import logging
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import httpx

SECONDS = 10.0
MOST_BYTES = 65_536
LONGEST_URL = 2_000
MOST_ADDRESSES = 3
RESOLVING_AT_ONCE = 8

PORTS = frozenset((443, 8443))

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[[str], Awaitable[Sequence[str]]]

# What ``is_global`` of some Python lets pass: addresses that lead to, or hide, another one.
NEVER = tuple(
    map(
        ipaddress.ip_network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
            *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24"),
            *("192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24"),
            *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
            *("168.63.129.16/32", "::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96"),
            *("64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16"),
            *("3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"),
        ),
    )
)

# They would log the addresses called and the headers answered, which can hold a secret.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class NotCalled(Exception):
    """There is no answer; ``code`` says why and never changes, the message is for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class Reply(NamedTuple):
    """``body`` is cut at ``MOST_BYTES``. It may echo what was sent: do not store it."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    milliseconds: int

    @property
    def ok(self) -> bool:
        return httpx.codes.is_success(self.status)


def _unfit(message: str) -> NotCalled:
    return NotCalled("ADDRESS_REFUSED", message)


# One sentence for what is not there and what is not public: nobody learns the names inside.
HIDDEN = "No public address has this name."


class Outgoing:
    """Calls addresses of the public internet, and of the networks ``allowed``."""

    def __init__(
        self,
        allowed: Sequence[IPNetwork] = (),
        *,
        seconds: float = SECONDS,
        resolve: Resolve | None = None,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self._allowed, self._seconds = tuple(allowed), seconds
        self._resolve = resolve or _Resolver()
        self._trust = trust
        self._made: httpx.AsyncClient | None = None

    def check(self, url: str) -> None:
        """Raises NotCalled for what can be known to be refused before anything is resolved."""
        parts = self._read(url)
        try:
            address = ipaddress.ip_address(parts.host)
        except ValueError:
            if not self._allowed:
                self._check_way(parts, inside=False)
            return
        self._check_addresses(parts, [address])

    async def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        seconds: float | None = None,
    ) -> Reply:
        """The answer, whatever its status. Raises NotCalled."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(seconds or self._seconds):
                request = self._request(method, self._read(url), headers or {}, content)
                status, got, body = await self._send(request)
        except TimeoutError as error:
            raise NotCalled("TIMEOUT", "There was no answer in time.") from error
        return Reply(status, got, body, round((time.monotonic() - began) * 1000))

    async def end(self) -> None:
        if self._made is not None:
            await self._made.aclose()
            self._made = None

    def _read(self, url: str) -> httpx.URL:
        if len(url) > LONGEST_URL or not url.isprintable():
            raise _unfit(f"An address has at most {LONGEST_URL} characters, all of them printable.")
        try:
            parts = httpx.URL(url)
        except (httpx.InvalidURL, ValueError) as error:
            raise _unfit("This is no address; write https://host/path.") from error
        if parts.scheme not in ("https", "http") or not parts.host or "%" in parts.host:
            raise _unfit("Write an address as https://host/path.")
        if parts.userinfo or parts.fragment:
            raise _unfit("An address holds neither a user, a password nor a fragment.")
        return parts

    def _check_way(self, parts: httpx.URL, *, inside: bool) -> None:
        if inside:
            return
        if parts.scheme != "https":
            raise _unfit("Only https is called.")
        if (parts.port or 443) not in PORTS:
            raise _unfit("Only the ports 443 and 8443 are called.")

    def _request(
        self, method: str, parts: httpx.URL, headers: Mapping[str, str], content: bytes | None
    ) -> httpx.Request:
        fields = [(name.encode(), value.encode()) for name, value in headers.items()]
        fields += [(b"Accept-Encoding", b"identity"), (b"User-Agent", b"graphql-api")]
        return httpx.Request(method, parts, headers=fields, content=content)

    async def _send(self, request: httpx.Request) -> tuple[int, Mapping[str, str], bytes]:
        host = request.url.host
        addresses = await self._addresses(request.url)
        for address in addresses[:MOST_ADDRESSES]:
            try:
                return await self._send_to(str(address), host, request)
            except httpx.ConnectError as error:
                if "SSL" in str(error):
                    raise NotCalled("TLS_FAILED", "Its certificate is not good.") from None
            except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError):
                raise NotCalled("BROKEN", "It broke off, or does not speak HTTP.") from None
        raise NotCalled("NOT_CONNECTED", "Nobody answers at this address.")

    async def _send_to(
        self, address: str, host: str, request: httpx.Request
    ) -> tuple[int, Mapping[str, str], bytes]:
        pinned = httpx.Request(
            request.method,
            request.url.copy_with(host=address),
            headers=request.headers,  # Host among them, of the name
            content=request.content,
            extensions={"sni_hostname": host},
        )
        answer = await self._client().send(pinned, stream=True)
        try:
            body = b""
            async for piece in answer.aiter_raw():
                body += piece
                if len(body) >= MOST_BYTES:
                    break
        finally:
            await answer.aclose()
        return answer.status_code, answer.headers, body[:MOST_BYTES]

    async def _addresses(self, parts: httpx.URL) -> list[IPAddress]:
        """Those of the name, if all of them may be called."""
        try:
            found = [ipaddress.ip_address(each) for each in await self._resolve(parts.host)]
        except (OSError, ValueError) as error:  # ValueError: an address of one interface, fe80::1%x
            raise _unfit(HIDDEN) from error
        self._check_addresses(parts, found)
        return found

    def _check_addresses(self, parts: httpx.URL, found: Sequence[IPAddress]) -> None:
        if not found or not all(self._may_call(each) or _is_public(each) for each in found):
            raise _unfit(HIDDEN)
        self._check_way(parts, inside=all(map(self._may_call, found)))

    def _may_call(self, address: IPAddress) -> bool:
        return any(address in network for network in self._allowed)

    def _client(self) -> httpx.AsyncClient:
        if self._made is None:
            self._made = httpx.AsyncClient(
                verify=self._trust or ssl.create_default_context(),
                trust_env=False,
                follow_redirects=False,
                timeout=None,  # noqa: S113 # the whole call has one
                # A connection that is kept was opened for one name, and must not serve another.
                limits=httpx.Limits(max_keepalive_connections=0),
            )
        return self._made


def _is_public(address: IPAddress) -> bool:
    return address.is_global and not any(address in network for network in NEVER)


class _Resolver:
    """As the system resolves names, in threads of its own: a slow name server holds up no other."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(RESOLVING_AT_ONCE, thread_name_prefix="resolve")

    async def __call__(self, host: str) -> Sequence[str]:
        def resolve() -> list[str]:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
            return list(dict.fromkeys(str(entry[4][0]) for entry in found))

        return await asyncio.get_running_loop().run_in_executor(self._threads, resolve)
