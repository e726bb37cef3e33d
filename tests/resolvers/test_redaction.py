"""No secret is stored, however it is written; and looking for them never takes long."""

import json
import time
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from db.json import Json
from resolvers import reported
from resolvers.redaction import MASK, SHORTEST, Redaction, Value
from resolvers.reported import Line

SECRETS = st.text(
    st.characters(codec="utf-8", exclude_characters="\\\0"), min_size=SHORTEST, max_size=30
).filter(lambda secret: secret not in MASK)
"""Backslashes are tested by name: any number of them stands for none."""


def units(character: str) -> list[int]:
    raw = character.encode("utf-16-be")
    return [int.from_bytes(raw[at : at + 2]) for at in range(0, len(raw), 2)]


def all_escaped(secret: str) -> str:
    return "".join(f"\\u{unit:04x}" for character in secret for unit in units(character))


WAYS: list[Callable[[str], str]] = [
    lambda secret: secret,
    lambda secret: json.dumps(secret)[1:-1],
    lambda secret: json.dumps(secret, ensure_ascii=False)[1:-1],
    lambda secret: json.dumps(json.dumps(secret))[1:-1],
    lambda secret: json.dumps({"a": json.dumps([json.dumps(secret)])}),
    all_escaped,
    lambda secret: quote(secret, safe=""),
    quote,
]
"""How a text can stand in another."""


def nested(leaf: str) -> st.SearchStrategy[Value]:
    """Values with this text somewhere in them: alone, inside others, as a name."""
    wrapped = st.tuples(QUIET, QUIET).map(leaf.join)
    return st.recursive(
        wrapped,
        lambda inner: (
            inner.map(lambda value: [1, value, None])
            | inner.map(lambda value: {"k": value, "other": 2.5})
            | wrapped.map(lambda name: {name: True})
        ),
        max_leaves=5,
    )


QUIET = st.text(st.sampled_from("xyz .,;"), max_size=5)


def texts(value: Any) -> list[str]:
    """Every text and name in it, and what those say that are JSON themselves."""
    if isinstance(value, str):
        try:
            inner = json.loads(value)
        except ValueError:
            return [value]
        return [value, *(texts(inner) if not isinstance(inner, int | float) else [])]
    if isinstance(value, list):
        return [text for each in cast("list[Any]", value) for text in texts(each)]
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        return [text for each in (*members, *members.values()) for text in texts(each)]
    return []


@settings(max_examples=300, deadline=None)
@given(data=st.data(), secret=SECRETS)
def test_a_known_secret_is_in_nothing_that_is_kept(data: st.DataObject, secret: str) -> None:
    written = data.draw(st.sampled_from(WAYS))(secret)
    value = data.draw(nested(written))
    redaction = Redaction([secret, "another secret"])
    metadata = Json(msgspec.json.encode(value).decode())
    kept = reported.prepare([Line(f"x {written} y", metadata=metadata)], redaction)
    stored = json.loads(kept.rows)
    assert not [text for text in texts(stored) if secret in text or written in text]
    output = reported.data(metadata, redaction)
    assert output is not None
    assert not [text for text in texts(json.loads(output)) if secret in text or written in text]
    assert kept.masked == 1


@pytest.mark.parametrize("secret", ["pass\\word", "\\\\double\\\\", 'quo"te\\n'])
def test_a_secret_with_backslashes_is_found(secret: str) -> None:
    redaction = Redaction([secret])
    for text in (secret, json.dumps(secret), json.dumps(json.dumps(secret))):
        assert "word" not in redaction.text(text)
        assert "double" not in redaction.text(text)
        assert "quo" not in redaction.text(text)


def test_a_secret_that_is_a_number_is_found_among_numbers() -> None:
    assert Redaction(["12345678"]).value({"n": [12345678, 1]}) == {"n": [MASK, 1]}


def test_a_secret_that_would_be_cut_in_two_is_masked_first() -> None:
    secret = "s3cr3t-of-theirs"
    line = Line("x" * (reported.LONGEST_TEXT - reported.ROOM - 5) + secret + "x" * 100)
    kept = reported.prepare([line], Redaction([secret]))
    assert "s3cr3t"[:5] not in kept.rows


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Authorization: Bearer abc.def-123", f"Authorization: Bearer {MASK}"),
        ('{"Authorization":"Basic dTpw"}', f'{{"Authorization":"Basic {MASK}"}}'),
        ("sent bearer abcdef123456", f"sent bearer {MASK}"),
        ("postgres://ada:hunter2@db/x", f"postgres://ada:{MASK}@db/x"),
        ("key mcp_0123456789abcdefXYZ!", f"key {MASK}!"),
        ("key sk-proj-abcdefghijklmnop", f"key {MASK}"),
        ("ghp_abcdefghijklmnopqrstuvwxyz0123456789", MASK),
        ("password=hunter2&user=ada", f"password={MASK}&user=ada"),
        ('\\"api_key\\": \\"0123abcd\\"', f'\\"api_key\\": \\"{MASK}\\"'),
        ("Set-Cookie: id=1; Path=/", f"Set-Cookie: {MASK}"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----.", f"{MASK}."),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE", MASK),
        ("a eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln b", f"a {MASK} b"),
    ],
)
def test_what_looks_like_a_secret_is_masked(text: str, kept: str) -> None:
    assert Redaction().text(text) == kept
    assert Redaction().text(kept) == kept


@pytest.mark.parametrize(
    "text",
    [
        "Fetched 23 rows from orders in 134 ms",
        "used 120 tokens; max_tokens: 4096",
        "https://example.org:8443/a@b?c=d",
        "the task-list and a risk-assessment-of-some-length",
        "SELECT id FROM keys WHERE secret IS NULL",
    ],
)
def test_what_does_not_is_left_as_it_is(text: str) -> None:
    assert Redaction().text(text) == text


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ({"headers": {"X-Api-Key": "1"}}, {"headers": {"X-Api-Key": MASK}}),
        ({"credentials": {"a": [1, "b", None]}}, {"credentials": {"a": [MASK, MASK, None]}}),
        (
            [{"name": "Authorization", "value": "x"}, {"name": "Accept", "value": "y"}],
            [{"name": "Authorization", "value": MASK}, {"name": "Accept", "value": "y"}],
        ),
    ],
)
def test_what_a_name_tells_to_be_secret_is_masked(value: Value, kept: Value) -> None:
    assert Redaction().value(value) == kept


HARD = [
    *("\\", "eyJ", "eyJaaaaaaaa.", "://", "://a:", "authorization:", "authorization ", "bearer "),
    *("-----BEGIN PRIVATE KEY-----", "sk-", "sk-a ", "password", 'password"', "cookie:", "pwd="),
    *("hunter", "hunter\\", "hunter2", "\\u0068", "a", "%68", "://a@", "mcp_"),
]


@pytest.mark.parametrize("part", HARD)
@pytest.mark.parametrize("lead", ["", "password", "://", "eyJ", "hunter", "Authorization: "])
def test_no_text_takes_long(part: str, lead: str) -> None:
    """What is quadratic would take minutes for as much as this."""
    redaction = Redaction(["hunter2-hunter2", "a" * 30])
    text = lead + part * (300_000 // len(part))
    began = time.process_time()
    redaction.text(text)
    assert time.process_time() - began < 5


@example("\ud7ff\x00€")
@given(st.text(st.characters(codec="utf-8"), max_size=40))
@settings(max_examples=100, deadline=None)
def test_what_is_cut_still_fits_and_says_so(text: str) -> None:
    long = text + "ü€😀" * 20_000
    kept, gone = reported.cut(long)
    assert len(kept.encode()) <= reported.LONGEST_TEXT
    assert kept.endswith(f"… [{gone} bytes cut]")
    shown = kept.removesuffix(f"… [{gone} bytes cut]")
    assert long.startswith(shown)
    assert len(shown.encode()) + gone == len(long.encode())
    assert reported.cut(kept) == (kept, 0)
