"""Hosts of their own for servers: network namespaces on one bridge, where the system allows it."""

import os
import shutil
import subprocess
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

IP = shutil.which("ip", path="/usr/sbin:/sbin:/usr/bin:/bin")
BRIDGE, NETWORK = f"faults{os.getpid() % 100_000}", "10.213.77"


class Host(NamedTuple):
    """Its address, and the words that make a command run on it; none where there is one host."""

    address: str
    words: tuple[str, ...] = ()


@contextmanager
def hosts(count: int) -> Generator[tuple[Host, list[Host]]]:
    """This host, and others that reach it over a network; all are this one if that cannot be."""
    with ExitStack() as stack:
        here = Host(f"{NETWORK}.1")
        try:
            stack.enter_context(_made(["link", "add", BRIDGE, "type", "bridge"], BRIDGE))
            _ip("addr", "add", f"{here.address}/24", "dev", BRIDGE)
            _ip("link", "set", BRIDGE, "up")
            others = [stack.enter_context(_host(number)) for number in range(2, count + 2)]
        except (OSError, subprocess.CalledProcessError):
            stack.close()
            here = Host("127.0.0.1")
            others = [here] * count
        yield here, others


@contextmanager
def _host(number: int) -> Generator[Host]:
    name, inside, outside = f"{BRIDGE}-{number}", "eth0", f"f{os.getpid() % 100_000}-{number}"
    _ip("netns", "add", name)
    try:
        _ip("link", "add", outside, "type", "veth", "peer", "name", inside, "netns", name)
        _ip("link", "set", outside, "master", BRIDGE, "up")
        address = f"{NETWORK}.{number}"
        _ip("-n", name, "addr", "add", f"{address}/24", "dev", inside)
        _ip("-n", name, "link", "set", inside, "up")
        _ip("-n", name, "link", "set", "lo", "up")
        yield Host(address, (str(IP), "netns", "exec", name))
    finally:
        _ip("netns", "del", name)


@contextmanager
def _made(words: list[str], device: str) -> Generator[None]:
    _ip(*words)
    try:
        yield
    finally:
        _ip("link", "del", device)


def _ip(*words: str) -> None:
    if IP is None or os.geteuid() != 0:
        raise OSError("networks take root and the program ip")
    subprocess.run([IP, *words], check=True, capture_output=True)  # noqa: S603
