"""Looking quickly at many texts finds what looking slowly at each finds."""

import json
from collections.abc import Callable
from typing import cast

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from db.json import Json
from resolvers import reported
from resolvers.redaction import MASK, SHAPES, SHORTEST, Known, Redaction, Value
from resolvers.reported import Line
from resolvers.searched import Searched, clear_part, squeezed, unescaped

NAMES = ["password", "token", "api_key", "X-Api-Key", "cookie", "note", "name", "value", "key"]
PARTS = [
    *("://", "@", ":", "=", " ", "\n", '"', "\\", "%", "+", "u00", "U0041", "%41", "41", "0", "a"),
    *("Authorization: Bearer ", "bearer ", "cookie=", "eyJ", "mcp_", "sk-", "AKIA", "hf_", "sg."),
    *("0123456789abcdef", "abcdefgh.ijklmnop.q", "https://ada:pw@host/", "task-list", "tokens: 4"),
    *("-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", *NAMES, "pass", "é", "😀", "İ"),
]
LETTERS = st.sampled_from([*"aAbfu04 1-_+%\\\n\"'é😀/", "u00"])
SECRETS = st.lists(LETTERS, min_size=SHORTEST, max_size=14).map("".join)


@st.composite
def escaped(draw: st.DrawFn, secret: str) -> str:
    """The secret, each of its characters in one of the ways in which it may be written."""
    written: list[str] = []
    for character in secret:
        units = character.encode("utf-16-be").hex()
        written += [
            "\\" * draw(st.integers(0, 2)),
            draw(
                st.sampled_from(
                    [
                        character,
                        "".join(f"u{units[at : at + 4]}" for at in range(0, len(units), 4)),
                        "".join(f"%{byte:02X}" for byte in character.encode()),
                        {"\n": "n", " ": "+"}.get(character, character),
                    ]
                )
            ),
        ]
    return "".join(written)


@st.composite
def texts(draw: st.DrawFn, known: list[str]) -> str:
    secrets = st.sampled_from(known).flatmap(escaped) if known else st.nothing()
    parts = st.sampled_from(PARTS) | secrets | st.sampled_from(known or PARTS)
    return "".join(draw(st.lists(parts, max_size=8)))


def values(known: list[str]) -> st.SearchStrategy[Value]:
    leaves = texts(known) | st.integers(-(10**7), 10**7) | st.booleans() | st.none()
    return st.recursive(
        cast("st.SearchStrategy[Value]", leaves),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(NAMES) | texts(known), inner, max_size=3)
        ),
        max_leaves=6,
    )


def slowly(text: str, known: list[str]) -> str:
    """Every pattern over the whole text."""
    for each in sorted(set(known), key=len, reverse=True):
        if len(each) >= SHORTEST and each.strip("\\") and may_be_escaped(text, each):
            text = Known(each).pattern.sub(MASK, text)
    for shape in SHAPES:
        text = shape.pattern.sub(shape.written, text)
    return text


def may_be_escaped(text: str, secret: str) -> bool:
    """Without any of these three, only what is written as it is counts as written."""
    return secret in text or any(each in text for each in "\\%+")


KNOWN = st.lists(SECRETS | st.sampled_from(["1234567", "sk-0123456789abcdefgh"]), max_size=3)


@settings(max_examples=500, deadline=None)
@given(st.data(), KNOWN)
def test_of_many_texts_the_same_is_masked_as_of_each(data: st.DataObject, known: list[str]) -> None:
    given = data.draw(st.lists(texts(known), max_size=6))
    hidden = Redaction(known).texts(given)
    assert hidden == [slowly(each, known) for each in given]
    assert hidden == [Redaction(known).text(each) for each in given]


@settings(max_examples=500, deadline=None)
@given(st.data(), KNOWN)
def test_what_is_not_suspected_has_nothing_to_mask(data: st.DataObject, known: list[str]) -> None:
    redaction = Redaction(known)
    given = data.draw(st.lists(values(known), max_size=4))
    spaced = data.draw(st.booleans())
    written = [
        Json(json.dumps(each) if spaced else msgspec.json.encode(each).decode()) for each in given
    ]
    suspects = redaction.suspects(written)
    for place, value in enumerate(given):
        if place not in suspects:
            assert redaction.value(value) == value
    hidden = reported.prepare([Line("x", metadata=each) for each in written], redaction)
    rows = json.loads(hidden.rows)
    assert [row["metadata"] for row in rows] == [redaction.value(each) for each in given]


@settings(max_examples=500, deadline=None)
@given(st.data(), SECRETS, st.sampled_from(PARTS), st.sampled_from(PARTS))
def test_a_secret_leaves_its_clear_part_however_it_is_escaped(
    data: st.DataObject, secret: str, before: str, after: str
) -> None:
    part = clear_part(secret)
    if part is not None:
        assert part in unescaped(before + data.draw(escaped(secret)) + after)


@given(st.lists(st.text("ab\n", max_size=5), max_size=6), st.text("ab", min_size=1, max_size=2))
def test_each_text_that_has_a_part_is_found_by_its_place(given: list[str], part: str) -> None:
    having = [place for place, each in enumerate(given) if part in each]
    assert list(Searched(given).places(part)) == having


@given(
    st.lists(st.text(st.sampled_from("aAΣςİIß-_'.\u0301 "), max_size=6) | st.text(), max_size=5),
    st.sampled_from([str.lower, squeezed]),
)
def test_texts_are_read_at_once_as_each_is_read(
    given: list[str], read: Callable[[str], str]
) -> None:
    assert read("\0".join(given)) == "\0".join(read(each) for each in given)
    for part in {each[:2] for each in map(read, given)} - {""}:
        having = [place for place, each in enumerate(given) if part in read(each)]
        assert list(Searched(given, read).places(part)) == having
