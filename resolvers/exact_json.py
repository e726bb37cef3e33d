"""JSON that survives: read without loss, refused where PostgreSQL's jsonb could not hold it.

Numbers keep every digit (int, or Decimal with decimals), repeated keys are refused instead of
dropped, and no input, however deep or long, costs more than time in proportion to its size.
"""

import codecs
import json
import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import TypeAlias, cast

import msgspec

from resolvers.diagnostics import Diagnostic, Findings, Path, quoted

Json: TypeAlias = "bool | int | Decimal | str | list[Json] | dict[str, Json] | None"

# Written out, every double needs fewer digits than this, and jsonb takes many more.
MOST_DIGITS = 1_000
MOST_KEY = 1_000
MOST_TOKENS = 200_000

_TOKENS = re.compile(r'"(?:[^"\\]+|\\.|\\\Z)*+"?|[\[\]{},]', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")
_TOO_LARGE_INT = 10**MOST_DIGITS
_TOO_MANY_DIGITS = f"A number needs more than {MOST_DIGITS:,} digits. Write it as text."
_encoder = msgspec.json.Encoder(decimal_format="number", order="deterministic")


class Unreadable(Exception):
    """The input is not JSON that can be kept; ``diagnostics`` say where and why."""

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        super().__init__(diagnostics[0].message)
        self.diagnostics = tuple(diagnostics)


class _Repeating(dict[str, object]):
    """An object in which ``key`` stood more than once."""

    key = ""


def read(data: bytes, most_bytes: int, most_depth: int) -> Json:
    """The value of a JSON text in UTF-8, or in UTF-16 with its byte order mark.

    Raises Unreadable.
    """
    if len(data) > most_bytes:
        raise _unreadable("TOO_LARGE", f"{len(data):,} bytes; at most {most_bytes:,} are taken.")
    text = _decoded(data)
    if not text.strip():
        raise _unreadable("NOT_JSON", "There is nothing in it.")
    _measure(text, most_depth)
    return exact(_parsed(text), most_bytes, most_depth)


def exact(value: object, most_bytes: int, most_depth: int) -> Json:
    """The same value in the exact types of ``Json``, from Python's usual ones.

    Raises Unreadable.
    """
    walk = _Walk(most_bytes, most_depth)
    result = walk.value(value, None, 1)
    if walk.findings.errors:
        raise Unreadable(walk.findings.errors)
    return result


def write(value: object) -> bytes:
    """The canonical text: no spaces, keys sorted, numbers with all their digits."""
    return _encoder.encode(value)


def _unreadable(code: str, message: str) -> Unreadable:
    return Unreadable([Diagnostic(code, message, "")])


def _decoded(data: bytes) -> str:
    utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return data.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"Not text in UTF-8 (see byte {error.start}). Save the file as UTF-8 JSON."
        raise _unreadable("NOT_UTF8", message) from None


def _measure(text: str, most_depth: int) -> None:
    """Refuse what would cost too much to parse: too deep, or longer than any workflow."""
    depth = tokens = 0
    for token in _TOKENS.finditer(text):
        match text[token.start()]:
            case "[" | "{":
                depth += 1
                tokens += 1
            case ",":
                tokens += 1
            case "]" | "}":
                depth -= 1
            case _:
                pass
        if depth > most_depth:
            raise _unreadable("TOO_DEEP", f"Nested deeper than {most_depth} levels.")
        if tokens > MOST_TOKENS:
            raise _unreadable("TOO_LARGE", f"More than {MOST_TOKENS:,} brackets and commas.")


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    repeating = _Repeating(found)
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            repeating.key = key
        seen.add(key)
    return repeating


def _parsed(text: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=_pairs, parse_float=Decimal)
    except json.JSONDecodeError as error:
        message = f"Not JSON: {error.msg} (line {error.lineno}, column {error.colno})."
        raise _unreadable("NOT_JSON", message) from None
    except (ValueError, InvalidOperation):
        # Python itself refuses integers of more than 4,300 digits and exponents of more than 18.
        raise _unreadable("NUMBER_TOO_LARGE", _TOO_MANY_DIGITS) from None


class _Walk:
    """One pass over a value, at most ``most_depth`` levels deep."""

    def __init__(self, most_bytes: int, most_depth: int) -> None:
        self.findings = Findings()
        self._most_depth = most_depth
        self._digits_left = most_bytes

    def value(self, value: object, at: Path, depth: int) -> Json:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self._text(value, at)
        if isinstance(value, int):
            return self._integer(value, at)
        if isinstance(value, float | Decimal):
            return self._decimal(value, at)
        return self._container(value, at, depth)

    def _container(self, value: object, at: Path, depth: int) -> Json:
        if depth > self._most_depth:
            self.findings.error("TOO_DEEP", f"Nested deeper than {self._most_depth} levels.", at)
        elif isinstance(value, dict):
            return self._object(cast("dict[object, object]", value), at, depth)
        elif isinstance(value, list | tuple):
            items = cast("Sequence[object]", value)
            return [self.value(item, (at, i), depth + 1) for i, item in enumerate(items)]
        else:
            self.findings.error("NOT_JSON", f"JSON has no {type(value).__name__}.", at)
        return None

    def _object(self, value: dict[object, object], at: Path, depth: int) -> Json:
        if isinstance(value, _Repeating):
            message = f"The key {quoted(value.key)} stands more than once."
            self.findings.error("REPEATED_KEY", message, at)
        found: dict[str, Json] = {}
        for key, item in value.items():
            if not isinstance(key, str):
                self.findings.error("NOT_JSON", "The key of an object must be text.", at)
            elif len(key) > MOST_KEY:
                message = f"A key is longer than {MOST_KEY:,} characters."
                self.findings.error("KEY_TOO_LONG", message, at)
            elif key == self._text(key, at):
                found[key] = self.value(item, (at, key), depth + 1)
        return found

    def _text(self, value: str, at: Path) -> str:
        if "\x00" in value:
            self.findings.error("NUL_CHARACTER", "A text has a NUL character. Remove it.", at)
            return ""
        if not value.isascii() and _SURROGATE.search(value):
            message = "A text has half of a surrogate pair, which is no character. Remove it."
            self.findings.error("LONE_SURROGATE", message, at)
            return ""
        return value

    def _integer(self, value: int, at: Path) -> Json:
        if -_TOO_LARGE_INT < value < _TOO_LARGE_INT:
            return int(value)
        self.findings.error("NUMBER_TOO_LARGE", _TOO_MANY_DIGITS, at)
        return None

    def _decimal(self, value: float | Decimal, at: Path) -> Json:
        number = value if isinstance(value, Decimal) else Decimal(repr(value))
        exponent = number.as_tuple().exponent
        if not isinstance(exponent, int):
            self.findings.error("NOT_A_NUMBER", "JSON has no NaN and no Infinity.", at)
        elif number.adjusted() >= MOST_DIGITS or -exponent > MOST_DIGITS:
            self.findings.error("NUMBER_TOO_LARGE", _TOO_MANY_DIGITS, at)
        elif not self._is_affordable(abs(exponent)):
            self.findings.error("TOO_LARGE", "The numbers, written out, are too long.", at)
        elif exponent >= 0:
            return int(number)
        else:
            return number or abs(number)
        return None

    def _is_affordable(self, digits: int) -> bool:
        """Whether the text, which may say 1e999 in five characters, stays within its limit."""
        self._digits_left -= digits
        return self._digits_left >= 0
