"""How a delivery of a webhook is signed: as Standard Webhooks has it (standardwebhooks.com)."""

import base64
import hmac
from collections.abc import Iterable
from secrets import token_bytes

PREFIX = "whsec_"
BYTES = 32


def new_secret() -> str:
    """``whsec_`` and 32 random bytes in base64."""
    return PREFIX + base64.b64encode(token_bytes(BYTES)).decode()


def signatures(secrets: Iterable[str], id: str, timestamp: int, body: str) -> str:
    """What stands in the header ``webhook-signature``: one of each secret."""
    signed = f"{id}.{timestamp}.{body}".encode()
    macs = (
        hmac.digest(base64.b64decode(secret.removeprefix(PREFIX)), signed, "sha256")
        for secret in secrets
    )
    return " ".join(f"v1,{base64.b64encode(mac).decode()}" for mac in macs)
