"""What the servers to compare with are told, by the environment."""

import os
from typing import NamedTuple

from db.secrets import Secrets


class Told(NamedTuple):
    """``url`` is that of the login mcp_api; ``connections`` are held open."""

    url: str
    secrets: Secrets
    connections: int


def told() -> Told:
    return Told(
        os.environ["BENCH_URL"],
        Secrets(os.environ["SECRET_KEY"]),
        int(os.environ["POOL_SIZE"]),
    )
