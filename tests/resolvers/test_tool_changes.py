"""What changed between the tools of two deployments, and what of it breaks a caller."""

from typing import Any

import pytest

from resolvers.tool_changes import Tool, compared

Schema = dict[str, Any]


def tool(**properties: Schema) -> Tool:
    return Tool("find", {"type": "object", "properties": properties})


def found(before: Schema, after: Schema) -> list[tuple[str, bool, str]]:
    changes = compared([tool(x=before)], [tool(x=after)])
    return [(each.code, each.breaking, each.pointer) for each in changes]


X = "/properties/x"


CASES: list[tuple[Schema, Any, list[tuple[str, bool, str]]]] = [
    ({"type": "string"}, {"type": "string"}, []),
    ({"type": "string"}, {"type": "integer"}, [("TYPE_NARROWED", True, f"{X}/type")]),
    ({"type": "number"}, {"type": "integer"}, [("TYPE_NARROWED", True, f"{X}/type")]),
    ({"type": "integer"}, {"type": "number"}, [("TYPE_WIDENED", False, f"{X}/type")]),
    (
        {"type": ["string", "null"]},
        {"type": "string"},
        [("TYPE_NARROWED", True, f"{X}/type")],
    ),
    ({"type": "string"}, {}, [("TYPE_WIDENED", False, f"{X}/type")]),
    ({}, {"type": "string"}, [("TYPE_NARROWED", True, f"{X}/type")]),
    ({"enum": ["a", "b"]}, {"enum": ["b"]}, [("ENUM_VALUE_REMOVED", True, f"{X}/enum")]),
    ({"enum": ["a"]}, {"enum": ["a", "b"]}, [("ENUM_VALUE_ADDED", False, f"{X}/enum")]),
    ({}, {"enum": ["a"]}, [("ENUM_ADDED", True, f"{X}/enum")]),
    ({"const": "a"}, {}, [("ENUM_LIFTED", False, f"{X}/enum")]),
    ({"minimum": 1}, {"minimum": 2}, [("BOUND_TIGHTENED", True, f"{X}/minimum")]),
    ({"minimum": 1}, {}, [("BOUND_LOOSENED", False, f"{X}/minimum")]),
    ({"maxLength": 9}, {"maxLength": 8}, [("BOUND_TIGHTENED", True, f"{X}/maxLength")]),
    ({}, {"maxItems": 8}, [("BOUND_TIGHTENED", True, f"{X}/maxItems")]),
    ({}, {"pattern": "^a"}, [("SCHEMA_CHANGED", True, f"{X}/pattern")]),
    ({"pattern": "^a"}, {}, [("SCHEMA_CHANGED", False, f"{X}/pattern")]),
    ({"anyOf": [{}]}, {"anyOf": []}, [("SCHEMA_CHANGED", True, f"{X}/anyOf")]),
    ({"description": "a"}, {"description": "b", "default": 1}, []),
    (
        {"items": {"type": "string"}},
        {"items": {"type": "boolean"}},
        [("TYPE_NARROWED", True, f"{X}/items/type")],
    ),
    (
        {"items": {"type": "string"}},
        {},
        [("TYPE_WIDENED", False, f"{X}/items/type")],
    ),
    (
        {"properties": {"a/b": {}}},
        {"properties": {}, "additionalProperties": False},
        [
            ("OTHERS_REFUSED", True, f"{X}/additionalProperties"),
            ("PARAMETER_REMOVED", True, f"{X}/properties/a~1b"),
        ],
    ),
    ({}, True, [("SCHEMA_CHANGED", True, X)]),
]


@pytest.mark.parametrize(("before", "after", "expected"), CASES)
def test_a_change_of_a_parameter_breaks_if_a_call_may_be_refused_now(
    before: Schema, after: Schema, expected: list[tuple[str, bool, str]]
) -> None:
    assert found(before, after) == expected


def test_tools_that_come_and_go_are_named_and_breaking_changes_come_first() -> None:
    before = [Tool("a", {"type": "object"}), Tool("b", {"type": "object"}, "Old words")]
    after = [Tool("b", {"type": "object"}, "New words"), Tool("c", {"type": "object"})]

    changes = compared(before, after)

    assert [(each.tool, each.code, each.breaking) for each in changes] == [
        ("a", "TOOL_REMOVED", True),
        ("b", "DESCRIPTION_CHANGED", False),
        ("c", "TOOL_ADDED", False),
    ]


def test_a_parameter_that_must_be_given_breaks_and_one_that_may_be_does_not() -> None:
    def takes(*required: str, **properties: Schema) -> Tool:
        schema = {"type": "object", "properties": properties, "required": list(required)}
        return Tool("find", schema)

    changes = compared([takes("old", old={}, kept={})], [takes("new", old={}, new={}, kept={})])

    assert [(each.code, each.breaking, each.pointer) for each in changes] == [
        ("REQUIRED_ADDED", True, "/properties/new"),
        ("PARAMETER_ADDED", False, "/properties/new"),
        ("REQUIRED_LIFTED", False, "/properties/old"),
    ]
