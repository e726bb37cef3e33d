"""Secrets are hidden before anything is stored: those that are known, and what looks like one.

A known secret is found however a text within a text has escaped it: with backslashes, as \\u0041 or
as %41, to any depth. Shapes are those of common credentials; a secret without such a shape, which
nobody named, is not recognised. Every pattern takes time in proportion to the text, whatever it is.
"""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias, cast

import msgspec

from db.json import Json

Value: TypeAlias = "bool | int | float | str | list[Value] | dict[str, Value] | None"

MASK = "[masked]"

SHORTEST = 6
"""Characters of a known secret: hiding a shorter one would hide half of every text."""

ESCAPES = ("\\", "%", "+")


class Shape(NamedTuple):
    """``pattern`` is looked for only where the text has one of ``hints`` in small letters."""

    hints: Sequence[str]
    pattern: re.Pattern[str]
    written: str = MASK


_PREFIXES = {
    "mcp_": 16,
    "mcr_": 16,
    "sk-": 16,
    "sk_live_": 10,
    "sk_test_": 10,
    "rk_live_": 10,
    "rk_test_": 10,
    "whsec_": 16,
    "ghp_": 16,
    "gho_": 16,
    "ghu_": 16,
    "ghs_": 16,
    "ghr_": 16,
    "github_pat_": 16,
    "glpat-": 16,
    "xoxb-": 10,
    "xoxp-": 10,
    "xoxa-": 10,
    "xoxs-": 10,
    "xapp-": 10,
    "npm_": 16,
    "hf_": 16,
    "pypi-": 16,
    "dop_v1_": 16,
    "shpat_": 16,
    "aiza": 30,
    "akia": 12,
    "asia": 12,
    "sg.": 20,
}
"""How the keys of well-known services begin, and how many characters follow at least."""

_SAID = (
    "password|passwd|passphrase|pwd|client[_-]?secret|secret[_-]?(?:access[_-]?)?key|api[_-]?key"
    "|(?:access|refresh|auth|id)[_-]?token|private[_-]?key"
)
_SCHEMES = "basic|bearer|digest|token|apikey|negotiate"
_IS = r"""[\\"']{0,8}[ \t]{0,8}[:=][ \t]{0,8}[\\"']{0,8}"""
_REST = r"""[^\s\\"',;&}]+"""

SHAPES = (
    Shape(
        ("private key",),
        re.compile(
            r"-----BEGIN[A-Z ]{0,40}PRIVATE KEY-----"
            r"[\s\S]*?(?:-----END[A-Z ]{0,40}PRIVATE KEY-----|\Z)"
        ),
    ),
    Shape(
        ("authorization",),
        re.compile(rf"(?i)(authorization{_IS}(?:(?:{_SCHEMES})[ \t]{{1,8}})?){_REST}"),
        rf"\1{MASK}",
    ),
    Shape(
        ("bearer",),
        re.compile(r"(?i)\b(bearer[ \t]{1,8})[a-z0-9._~+/=-]{8,}"),
        rf"\1{MASK}",
    ),
    Shape(
        ("://",),
        re.compile(r"(://[^\s/:@]{0,256}:)[^\s/@]{1,1024}(?=@)"),
        rf"\1{MASK}",
    ),
    Shape(("cookie",), re.compile(rf"(?i)(cookie{_IS})[^\r\n\"']+"), rf"\1{MASK}"),
    Shape(
        ("eyj",),
        re.compile(r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"),
    ),
    Shape(
        tuple(_PREFIXES),
        re.compile(
            "(?<![A-Za-z0-9])(?:"
            + "|".join(rf"{re.escape(each)}[\w.-]{{{n},}}" for each, n in _PREFIXES.items())
            + ")",
            re.IGNORECASE,
        ),
    ),
    Shape(
        ("pass", "pwd", "secret", "key", "token"),
        re.compile(rf"(?i)((?:{_SAID}){_IS}){_REST}"),
        rf"\1{MASK}",
    ),
)

TELLING = frozenset(
    {
        *("password", "passwd", "passphrase", "pwd", "secret", "clientsecret", "apisecret"),
        *("token", "accesstoken", "refreshtoken", "idtoken", "authtoken", "bearertoken"),
        *("apikey", "xapikey", "privatekey", "secretkey", "accesskey", "secretaccesskey"),
        *("authorization", "proxyauthorization", "cookie", "setcookie", "credentials"),
    }
)
"""Names, in small letters and without ``-`` and ``_``, whose values are secret in any case."""


class Redaction:
    """Hides secrets; ``known`` are those of the integrations at hand."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        wanted = sorted({each for each in known if len(each) >= SHORTEST}, key=len, reverse=True)
        written = [pattern for each in wanted if (pattern := _however_written(each))]
        self._plain = wanted
        self._known = re.compile("|".join(written)) if written else None

    def text(self, text: str) -> str:
        if self._known and self._may_have_known(text):
            text = self._known.sub(MASK, text)
        small = text.lower()
        for shape in SHAPES:
            if any(hint in small for hint in shape.hints):
                text = shape.pattern.sub(shape.written, text)
        return text

    def _may_have_known(self, text: str) -> bool:
        """Nothing is escaped without one of these; looking for what is not escaped is quick."""
        return any(each in text for each in ESCAPES) or any(each in text for each in self._plain)

    def json(self, written: Json) -> Json:
        """JSON in, JSON out."""
        value = cast("Value", msgspec.json.decode(written))
        return Json(msgspec.json.encode(self.value(value)).decode())

    def value(self, value: Value) -> Value:
        """The value without secrets in any text, name or number of it."""
        match value:
            case str():
                return self.text(value)
            case list():
                return [self.value(each) for each in value]
            case dict():
                return self._members(value)
            case bool() | None:
                return value
            case _:
                return MASK if self._known and self._known.search(repr(value)) else value

    def _members(self, members: "dict[str, Value]") -> "dict[str, Value]":
        named = members.get("name", members.get("key"))
        told = isinstance(named, str) and _telling(named)  # {"name": "Authorization", "value": …}
        return {
            self.text(name): _hidden(each)
            if _telling(name) or (told and name == "value")
            else self.value(each)
            for name, each in members.items()
        }


def _telling(name: str) -> bool:
    return name.replace("-", "").replace("_", "").lower() in TELLING


def _hidden(value: Value) -> Value:
    match value:
        case list():
            return [_hidden(each) for each in value]
        case dict():
            return {name: _hidden(each) for name, each in value.items()}
        case bool() | None | "":
            return value
        case _:
            return MASK


def _however_written(secret: str) -> str:
    """A pattern of the secret, escaped or not. Any number of backslashes may stand between."""
    return r"\\*+".join(_character(each) for each in secret if each != "\\")


_SHORT = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f"}


def _character(character: str) -> str:
    units = character.encode("utf-16-be").hex()
    escaped = r"\\*+".join(f"u{units[at : at + 4]}" for at in range(0, len(units), 4))
    percent = "".join(f"%{byte:02x}" for byte in character.encode())
    ways = [re.escape(character), f"(?i:{escaped}|{percent})"]
    if character in _SHORT:
        ways.append(_SHORT[character])
    if character == " ":
        ways.append(r"\+")
    return f"(?:{'|'.join(ways)})"
