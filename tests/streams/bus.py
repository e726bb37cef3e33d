"""A NATS server, to carry hints and to be killed."""

import shutil
import socket
import subprocess
from importlib.util import find_spec

SERVER = shutil.which("nats-server", path="/usr/sbin:/usr/local/bin:/usr/bin")
INSTALLED = SERVER is not None and find_spec("nats") is not None


class Bus:
    """A NATS server on a port of its own."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self._port: int = listener.getsockname()[1]
        self.url = f"nats://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603
            [str(SERVER), "-a", "127.0.0.1", "-p", str(self._port)], stderr=subprocess.DEVNULL
        )

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
