"""The form in which PostgreSQL keeps a password (RFC 5802), computed here.

A password sent as clear text in ALTER ROLE would stand in the server's log.
"""

import hmac
import secrets
from base64 import b64decode, b64encode
from hashlib import pbkdf2_hmac, sha256

ITERATIONS = 4096


def verifier(password: str, salt: bytes | None = None, iterations: int = ITERATIONS) -> str:
    """What ``pg_authid.rolpassword`` holds for an ASCII ``password``."""
    salt = salt or secrets.token_bytes(16)
    salted = pbkdf2_hmac("sha256", password.encode("ascii"), salt, iterations)
    stored_key = sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    words = [b64encode(each).decode() for each in (salt, stored_key, server_key)]
    return f"SCRAM-SHA-256${iterations}:{words[0]}${words[1]}:{words[2]}"


def verifies(kept: str | None, password: str) -> bool:
    """Whether ``kept``, as the server keeps it, is of this password."""
    scheme, _, rest = (kept or "").partition("$")
    parameters, _, _ = rest.partition("$")
    iterations, _, salt = parameters.partition(":")
    if scheme != "SCRAM-SHA-256" or not iterations.isdecimal():
        return False
    again = verifier(password, b64decode(salt), int(iterations))
    return hmac.compare_digest(again, kept or "")
