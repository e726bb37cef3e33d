"""Secrets are hidden before anything is stored: those that are known, and what looks like one.

A known secret is found however a text within a text has escaped it: with backslashes, as \\u0041 or
as %41, to any depth. Shapes are those of common credentials; a secret without such a shape, which
nobody named, is not recognised. Every pattern takes time in proportion to the text, whatever it is.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import NamedTuple, TypeAlias

from db.json import Json
from resolvers.searched import ESCAPES, Searched, clear_part, squeezed, unescaped

Value: TypeAlias = "bool | int | float | str | list[Value] | dict[str, Value] | None"

MASK = "[masked]"

SHORTEST = 6
"""Characters of a known secret: hiding a shorter one would hide half of every text."""


class Shape(NamedTuple):
    """``pattern`` is in no text that lacks ``needed``, or all of ``hints`` in small letters."""

    hints: Sequence[str]
    pattern: re.Pattern[str]
    written: str = MASK
    needed: str = ""

    def may_be_in(self, searched: Searched) -> set[int]:
        found = searched.having(self.hints)
        return found & searched.having((self.needed,)) if found and self.needed else found


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
        needed="@",
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


_ESCAPED_IN_JSON = ("\\u", "\\/")
"""Without these, JSON has the letters of a shape and of a name as they are."""
_TELLING_NAMES = tuple(f'"{name}"' for name in TELLING)
_NUMBER = re.compile(r"[-+. 0-9e\\]+")
_DIGIT = re.compile(r"\d")


class Known:
    """A secret that is known."""

    def __init__(self, secret: str) -> None:
        self.secret, self.clear = secret, clear_part(secret)

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(_however_written(self.secret))

    def may_be_in(self, text: str, read: str | None) -> bool:
        """``read`` is the text unescaped, if there is any escape in it."""
        if self.secret in text:
            return True
        return read is not None and (self.clear is None or self.clear in read)


class Redaction:
    """Hides secrets; ``known`` are those of the integrations at hand."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        wanted = {each for each in known if len(each) >= SHORTEST and each.strip("\\")}
        self._known = [Known(each) for each in sorted(wanted, key=len, reverse=True)]
        self._numbers = [each for each in self._known if _NUMBER.fullmatch(each.secret)]

    def text(self, text: str) -> str:
        text = self._without_known(text)
        small = text.lower()
        for shape in SHAPES:
            if any(hint in small for hint in shape.hints):
                text = shape.pattern.sub(shape.written, text)
        return text

    def texts(self, texts: Sequence[str]) -> list[str]:
        """``text`` of each, in much less time."""
        hidden = list(texts)
        suspect = self._suspect_known(texts)
        for place in suspect:
            hidden[place] = self.text(texts[place])
        small = Searched(texts, str.lower)
        for shape in SHAPES:
            for place in shape.may_be_in(small) - suspect:
                hidden[place] = shape.pattern.sub(shape.written, hidden[place])
        return hidden

    def suspects(self, written: Sequence[Json]) -> set[int]:
        """Which of these may have secrets; ``value`` changes nothing in the others."""
        small, names = Searched(written, str.lower), Searched(written, squeezed)
        found = small.having(_ESCAPED_IN_JSON) | names.having(_TELLING_NAMES)
        found.update(*(shape.may_be_in(small) for shape in SHAPES))
        if self._numbers:
            found.update(place for place, each in enumerate(written) if _DIGIT.search(each))
        return found | self._suspect_known(written)

    def _suspect_known(self, texts: Sequence[str]) -> set[int]:
        """Which of the texts may have secrets that are known."""
        if not self._known:
            return set()
        searched = Searched(texts)
        found = searched.having(each.secret for each in self._known)
        escaped = sorted(searched.having(ESCAPES))
        read = Searched([unescaped(texts[place]) for place in escaped])
        for each in self._known:
            places = range(len(escaped)) if each.clear is None else read.places(each.clear)
            found.update(escaped[place] for place in places)
        return found

    def _without_known(self, text: str) -> str:
        if not self._known:
            return text
        read = unescaped(text) if any(each in text for each in ESCAPES) else None
        for each in self._known:
            if each.may_be_in(text, read):
                text = each.pattern.sub(MASK, text)
        return text

    def value(self, value: Value) -> Value:
        """The value without secrets in any text, name or number of it."""
        return self.values([value])[0]

    def values(self, values: Sequence[Value]) -> list[Value]:
        """``value`` of each, in much less time."""
        given: list[str] = []

        def gather(text: str) -> str:
            given.append(text)
            return text

        for each in values:
            _rebuilt(each, gather, _same)
        hidden = iter(self.texts(given))
        return [_rebuilt(each, lambda _: next(hidden), self._number) for each in values]

    def _number(self, number: "int | float") -> "int | float | str":
        written = repr(number)
        return MASK if any(each.pattern.search(written) for each in self._numbers) else number


def _same(number: "int | float") -> "int | float | str":
    return number


def _rebuilt(
    value: Value,
    text: Callable[[str], str],
    number: "Callable[[int | float], int | float | str]",
) -> Value:
    """The value with each of its texts, names and numbers as these make them, in their order."""
    match value:
        case str():
            return text(value)
        case list():
            return [_rebuilt(each, text, number) for each in value]
        case dict():
            named = value.get("name", value.get("key"))
            told = isinstance(named, str) and _telling(named)  # {"name": "Cookie", "value": …}
            return {
                text(name): _hidden(each)
                if _telling(name) or (told and name == "value")
                else _rebuilt(each, text, number)
                for name, each in value.items()
            }
        case bool() | None:
            return value
        case _:
            return number(value)


def _telling(name: str) -> bool:
    return squeezed(name) in TELLING


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
    """A pattern of the secret, escaped or not, with any number of backslashes between, too."""
    return _BETWEEN.join(_character(each) for each in secret if each != "\\")


_BETWEEN = r"(?:\\|(?i:%5c|u005c))*+"
_SHORT = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f"}


def _character(character: str) -> str:
    units = character.encode("utf-16-be").hex()
    escaped = _BETWEEN.join(f"u{units[at : at + 4]}" for at in range(0, len(units), 4))
    percent = "".join(f"%{byte:02x}" for byte in character.encode())
    ways = [re.escape(character), f"(?i:{escaped}|{percent})"]
    if character in _SHORT:
        ways.append(_SHORT[character])
    if character == " ":
        ways.append(r"\+")
    return f"(?:{'|'.join(ways)})"
