"""Holds the embedded PostgreSQL for as long as the program that started it lives.

Run as a script of its own, with the standard library only. It waits for the end of its input, a
pipe that the program holds open: that end comes however the program ends, ``kill -9`` included.
Then PostgreSQL is asked to stop, and this process ends after it.

    guardian.py UID GID SOCKET_FOLDER COMMAND…      (UID -1: run PostgreSQL as we are)
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
from typing import Any

PATIENCE = 60  # seconds for the closing checkpoint; after that the next start recovers instead


def ignore(_number: int, _frame: object) -> None:
    """Not SIG_IGN, which PostgreSQL's own programs would inherit."""


def stop_at_end_of_input(server: subprocess.Popen[bytes]) -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    server.send_signal(signal.SIGINT)
    try:
        server.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        server.send_signal(signal.SIGQUIT)


def guard(uid: int, gid: int, socket_folder: str, command: list[str]) -> int:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, ignore)
    identity: dict[str, Any] = {"user": uid, "group": gid, "extra_groups": []} if uid >= 0 else {}
    server = subprocess.Popen(  # noqa: S603
        command, stdin=subprocess.DEVNULL, start_new_session=True, **identity
    )
    threading.Thread(target=stop_at_end_of_input, args=[server], daemon=True).start()
    code = server.wait()
    shutil.rmtree(socket_folder)
    return code


if __name__ == "__main__":
    sys.exit(guard(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:]))
