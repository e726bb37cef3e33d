"""Values of settings that are more than a word or a number: read, or refused in words."""

import re
from email.utils import parseaddr
from urllib.parse import urlsplit

import msgspec

from resolvers.oauth import Provider


def words(value: object) -> object:
    if isinstance(value, str):
        return [word.strip() for word in value.split(",") if word.strip()]
    return value


def read_providers(text: str) -> list[Provider]:
    """Raises ValueError."""
    try:
        return msgspec.json.decode(text, type=list[Provider])
    except ValueError as error:  # its words show no value
        raise ValueError(f"must be a JSON list of providers: {error}") from None


def check_mail_server(url: str) -> None:
    """Raises ValueError."""
    try:
        parts = urlsplit(url)
        fits = parts.scheme in {"smtp", "smtps"} and parts.hostname and parts.port != 0
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            "must look like smtp://user:password@host:587 or smtps://user:password@host:465"
        )


def checked_sender(value: str | None, *, needed: bool) -> str | None:
    """Raises ValueError."""
    if value is None:
        if needed:
            raise ValueError("is needed with SMTP_URL: the sender of messages")
    elif "@" not in parseaddr(value)[1] or not value.isprintable():
        raise ValueError("must look like Name <address@example.com>")
    return value


def checked_front_end(value: str | None, *, needed: bool) -> str | None:
    """Raises ValueError."""
    if value is None:
        if needed:
            raise ValueError("is needed with SMTP_URL: messages hold links to the front end")
    elif not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", value):
        raise ValueError("must look like https://app.example.com")
    return value


def fault_of_url(url: str) -> str | None:
    shape = "postgresql://user:password@host:5432/database"
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        return f"must look like {shape}: {error}"
    if parts.scheme not in {"postgresql", "postgres"}:
        return f"must look like {shape}"
    if not parts.path.strip("/"):
        return f"must name a database, as in {shape}"
    return None
