"""Calls to addresses that people entered reach the public internet, and nothing else."""

import asyncio
import ipaddress
import logging
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from resolvers import outgoing
from resolvers.outgoing import NotCalled, Outgoing
from tests.listening import LOOPBACK, Answer, listening, saying


class Names:
    """A resolver of our own: each name's answers in turn, the last one for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers, self.asked = list(answers), 0

    async def __call__(self, host: str) -> Sequence[str]:
        self.asked += 1
        return self.answers[min(self.asked, len(self.answers)) - 1]


async def code_of(outgoing: Outgoing, url: str) -> str:
    with pytest.raises(NotCalled) as refused:
        await outgoing.call("GET", url)
    return refused.value.code


async def test_an_allowed_address_is_called() -> None:
    async with listening(saying("200 OK", b"hello")) as server:
        reply = await Outgoing(LOOPBACK).call(
            "POST",
            f"http://127.0.0.1:{server.port}/hook?x=1",
            headers={"X-Word": "ü"},
            content=b"{}",
        )
    assert (reply.status, reply.ok, reply.body) == (200, True, b"hello")
    head = server.requests[0].lower()
    assert head.startswith(b"post /hook?x=1 http/1.1\r\n")
    assert f"host: 127.0.0.1:{server.port}\r\n".encode() in head
    assert b"x-word: \xc3\xbc\r\n" in head
    assert b"accept-encoding: identity\r\n" in head


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0x7f.1", "127.8.9.10"),
        *("localhost", "LOCALHOST.", "0.0.0.0", "0", "[::1]", "[::]", "[0:0::0:1]"),  # noqa: S104
        *("[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[::ffff:0:127.0.0.1]"),
        *("[64:ff9b::7f00:1]", "[64:ff9b::8.8.8.8]", "[64:ff9b:1::1]", "[2002:7f00:1::]"),
        *("[2001:0:7f00:1::]", "[fe80::1]", "[fc00::1]", "[fd00:ec2::254]", "[ff02::1]"),
        *("10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
        *("100.64.0.1", "100.127.255.254", "169.254.169.254", "169.254.170.2", "168.63.129.16"),
        *("192.0.0.192", "192.0.2.1", "198.18.0.1", "224.0.0.1", "239.1.1.1", "255.255.255.255"),
        *("240.0.0.1", "127。0。0。1", "[fec0::1]", "[2001:db8::1]", "[100::1]"),
    ],
)
async def test_what_is_not_public_is_refused_however_it_is_written(host: str) -> None:
    assert await code_of(Outgoing(), f"https://{host}/") == "ADDRESS_REFUSED"


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "9.9.9.9"])
def test_a_public_address_is_not_refused(address: str) -> None:
    Outgoing().check(f"https://[{address}]/" if ":" in address else f"https://{address}:8443/x?y")


@pytest.mark.parametrize(
    "url",
    [
        *("http://8.8.8.8/", "ftp://8.8.8.8/", "file:///etc/passwd", "8.8.8.8", "data:,x"),
        *("https://8.8.8.8:22/", "https://8.8.8.8:80/", "https://8.8.8.8:5432/", "https:///x"),
        *("https://user@8.8.8.8/", "https://user:word@8.8.8.8/", "https://8.8.8.8#@example.com/"),
        *("https://8.8.8.8\\@127.0.0.1/", "https://8.8.8.8%00.example.com/", "https://a b.com/"),
        *("https://[fe80::1%25eth0]/", "https://8.8.8.8/\r\nX: y", "https://8.8.8.8/\0", ""),
        *("//8.8.8.8/", "https://①②⑦.0.0.1/", "https://8.8.8.8:99999/", "https://[::1/"),
        f"https://8.8.8.8/{'x' * 2000}",
    ],
)
async def test_what_is_no_plain_https_address_is_refused(url: str) -> None:
    with pytest.raises(NotCalled) as refused:
        Outgoing().check(url)
    assert refused.value.code == "ADDRESS_REFUSED"
    assert await code_of(Outgoing(), url) == "ADDRESS_REFUSED"


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["fe80::1%lo"], ["::ffff:10.0.0.1"], [], ["x"]],
)
async def test_a_name_is_refused_for_any_address_that_it_has(addresses: list[str]) -> None:
    names = Names(addresses)

    assert await code_of(Outgoing(resolve=names), "https://hooks.example/") == "ADDRESS_REFUSED"


async def test_what_is_not_there_and_what_is_inside_sound_the_same() -> None:
    said: set[str] = set()
    for names in (Names([]), Names(["10.0.0.1"])):
        with pytest.raises(NotCalled) as refused:
            await Outgoing(resolve=names).call("GET", "https://database.internal/")
        said.add(refused.value.message)
    assert len(said) == 1


async def test_a_name_that_resolves_otherwise_a_moment_later_changes_nothing() -> None:
    names = Names(["127.0.0.2"], ["127.0.0.1"])
    only = (ipaddress.ip_network("127.0.0.2/32"),)
    async with (
        listening(saying("200 OK", b"right"), "127.0.0.2") as right,
        listening(saying("200 OK", b"wrong"), "127.0.0.1", right.port) as wrong,
    ):
        called = Outgoing(only, resolve=names)
        url = f"http://hooks.example:{right.port}/"
        reply = await called.call("GET", url)
        assert (reply.body, names.asked) == (b"right", 1)
        assert f"host: hooks.example:{right.port}".encode() in right.requests[0].lower()

        assert await code_of(called, url) == "ADDRESS_REFUSED"
    assert wrong.requests == []


async def test_a_redirect_is_not_followed() -> None:
    async with listening(saying("200 OK", b"inside")) as inside:
        redirect = saying(f"302 Found\r\nLocation: http://127.0.0.1:{inside.port}/admin")
        async with listening(redirect) as server:
            url = f"http://127.0.0.1:{server.port}/"
            reply = await Outgoing(LOOPBACK).call("GET", url)
    assert (reply.status, reply.ok) == (302, False)
    assert inside.requests == []


async def test_only_the_allowed_network_is_called_without_tls() -> None:
    async with listening(saying("200 OK")) as server:
        other = Outgoing((ipaddress.ip_network("10.0.0.0/8"),))
        assert await code_of(other, f"http://127.0.0.1:{server.port}/") == "ADDRESS_REFUSED"
        assert await code_of(other, "http://8.8.8.8/") == "ADDRESS_REFUSED"
    assert server.requests == []


async def test_a_giant_body_is_cut() -> None:
    sent = 0

    async def pour(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        for _piece in range(1_000):
            writer.write(b"x" * 100_000)
            await writer.drain()
            sent += 100_000

    async with listening(pour) as server:
        reply = await Outgoing(LOOPBACK).call("GET", f"http://127.0.0.1:{server.port}/")
    assert len(reply.body) == outgoing.MOST_BYTES
    assert sent < 50_000_000


async def test_a_compressed_bomb_is_not_unpacked() -> None:
    body = b"\x1f\x8b" + b"\0" * 1_000
    bomb = saying("200 OK\r\nContent-Encoding: gzip", body)
    async with listening(bomb) as server:
        reply = await Outgoing(LOOPBACK).call("GET", f"http://127.0.0.1:{server.port}/")
    assert reply.body == body


async def nothing(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


async def the_beginning(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nx")
    await reader.read()


@pytest.mark.parametrize("answer", [nothing, the_beginning])
async def test_a_slow_answer_is_given_up(answer: Answer) -> None:
    async with listening(answer) as server:
        slow = Outgoing(LOOPBACK, seconds=0.2)
        assert await code_of(slow, f"http://127.0.0.1:{server.port}/") == "TIMEOUT"


async def test_a_slow_name_server_is_given_up() -> None:
    async def never(_: str) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    slow = Outgoing(LOOPBACK, seconds=0.05, resolve=never)
    assert await code_of(slow, "https://hooks.example/") == "TIMEOUT"


@pytest.mark.parametrize(
    "said",
    [b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000, b""],
    ids=["another protocol", "endless headers", "nothing"],
)
async def test_what_is_no_http_is_said_to_be_broken(said: bytes) -> None:
    async def say(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        await writer.drain()

    async with listening(say) as server:
        called = Outgoing(LOOPBACK)
        assert await code_of(called, f"http://127.0.0.1:{server.port}/") == "BROKEN"


async def test_where_nobody_listens_the_next_address_is_tried() -> None:
    async with listening(saying("200 OK", b"found"), "127.0.0.3") as server:
        url = f"http://hooks.example:{server.port}/"
        both = Names(["127.0.0.4", "127.0.0.3"])
        assert (await Outgoing(LOOPBACK, resolve=both).call("GET", url)).body == b"found"
        gone = Outgoing(LOOPBACK, resolve=Names(["127.0.0.4"]))
        assert await code_of(gone, url) == "NOT_CONNECTED"


async def test_a_header_cannot_bring_another() -> None:
    async with listening(saying("200 OK")) as server:
        with pytest.raises(NotCalled):
            await Outgoing(LOOPBACK).call(
                "GET",
                f"http://127.0.0.1:{server.port}/",
                headers={"Authorization": "Bearer x\r\nHost: inside"},
            )
    assert server.requests == []


def certified(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What a server shows that says it is ``name``, and what trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "both.pem"
    file.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    shown.load_cert_chain(file)
    return shown, ssl.create_default_context(cafile=str(file))


async def test_a_certificate_is_checked_against_the_name_and_not_the_address(
    tmp_path: Path,
) -> None:
    shown, trusted = certified(tmp_path, "hooks.example")
    async with listening(saying("200 OK", b"safe"), trust=shown) as server:
        here = Names(["127.0.0.1"])
        called = Outgoing(LOOPBACK, resolve=here, trust=trusted)
        url = f"https://hooks.example:{server.port}/"
        assert (await called.call("GET", url)).body == b"safe"

        assert await code_of(called, url.replace("hooks", "other")) == "TLS_FAILED"
        untrusting = Outgoing(LOOPBACK, resolve=here)
        assert await code_of(untrusting, url) == "TLS_FAILED"
    assert len(server.requests) == 1


async def test_addresses_that_are_called_are_in_no_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    async with listening(saying("200 OK")) as server:
        await Outgoing(LOOPBACK).call("GET", f"http://127.0.0.1:{server.port}/a-secret-path")
    assert "a-secret-path" not in caplog.text
