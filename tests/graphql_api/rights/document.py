"""``docs/permissions.md``, made of the table of rights."""

from collections.abc import Mapping

from tests.graphql_api.rights.table import ROLES, Right

HEAD = """\
# Who may do what

Made of the table that the tests try cell by cell: `python -m tests.graphql_api.rights` writes it.

A member's role is viewer, editor, admin or owner; each may all that the one before may. An API key
has no role: it may what its scopes say. Somebody who is not a member sees nothing of a workspace,
so that everything about it is `NOT_FOUND`, and nobody who is not signed in may do anything but what
says so.

| Mutation | viewer | editor | admin | owner | API key with | Note |
|---|:-:|:-:|:-:|:-:|---|---|
"""


def document(rights: Mapping[str, Right]) -> str:
    return HEAD + "".join(f"{row(name, right)}\n" for name, right in sorted(rights.items()))


def row(mutation: str, right: Right) -> str:
    marks = ["✓" if role in right.allowed else "no" for role in ROLES]
    remarks = ", ".join(filter(None, [others(right), right.note]))
    return " | ".join([f"| `{mutation}`", *marks, key(right), f"{remarks} |".lstrip()])


def key(right: Right) -> str:
    if "key without scope" in right.allowed:
        return "any scope"
    return f"`{right.scope}`" if "key" in right.allowed else "no"


def others(right: Right) -> str:
    if "nobody" in right.allowed:
        return "also without signing in"
    return "whoever is signed in" if "stranger" in right.allowed else ""
