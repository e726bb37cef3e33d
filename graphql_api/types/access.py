"""Why somebody may do something, or may not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

import strawberry

from db import access
from db.access import NEEDS, AccessAction, ExplanationRow
from db.members import Role
from db.relation import InvalidArgument
from graphql_api.declare import described, enum, over, read_id, related
from graphql_api.global_ids import read_global_id
from graphql_api.types.plans import PlanLimit
from graphql_api.types.scalars import BigInt

enum(AccessAction, "What is done to a thing.")
enum(access.AccessDecider, "What decides whether somebody may do something.")

NOBODY = UUID(int=0)


@over(ExplanationRow)
class AccessExplanation:
    """Whether somebody may do something, and what decides."""

    allowed: bool
    """Whether it is allowed, now."""
    decided_by: access.AccessDecider
    """What decides."""
    role: Role | None
    """The role of the member, or of whoever made the API key; null if that one has left."""
    needed_role: Role
    """The role from which on it is allowed."""
    needed_scope: str | None
    """The scope that allows it besides: to API keys, and as a permission to members."""
    limit: PlanLimit | None
    """What the plan must have room for; null for nothing."""
    used: BigInt | None
    """How much of that is in use."""
    plan_allows: BigInt | None
    """How much of that the plan allows; null for as much as you like."""


def asked(
    resource: Annotated[
        strawberry.ID, strawberry.argument(description="The global id of the thing.")
    ],
    action: Annotated[AccessAction, strawberry.argument(description="What is done to it.")],
    member: Annotated[
        strawberry.ID | None,
        strawberry.argument(description="The membership of somebody else. For admins."),
    ] = None,
    api_key: Annotated[
        strawberry.ID | None, strawberry.argument(description="An API key. For admins.")
    ] = None,
) -> Mapping[str, Any]:
    type_, id = _thing(resource)
    need = NEEDS.get((type_, action))
    if need is None:
        possible = ", ".join(each.name for noun, each in NEEDS if noun == type_)
        raise InvalidArgument(f"of a {type_} it can be asked about {possible or 'nothing'}")
    if member is not None and api_key is not None:
        raise InvalidArgument("ask about either a member or an API key")
    return {
        "type": type_,
        "id": id,
        "rank": need.rank,
        "scope": need.scope,
        "limit": need.limit,
        "member": _other("WorkspaceMember", member),
        "key": _other("ApiKey", api_key),
    }


def _thing(resource: str) -> tuple[str, UUID]:
    found = read_global_id(resource)
    id = read_id(found[0], resource) if found and found[0] in {noun for noun, _ in NEEDS} else None
    if found is None or id is None:
        raise InvalidArgument("resource is not the global id of a thing that this is about")
    return found[0], id


def _other(type_: str, id: str | None) -> UUID:
    if id is None:
        return NOBODY
    found = read_id(type_, id)
    if found is None:
        raise InvalidArgument(f"this is not the id of a {type_}")
    return found


@described
@strawberry.type
class AccessQueries:
    explain_access: AccessExplanation | None = related(access.EXPLAIN, given=asked)
    """Whether you may do something to a thing, and what decides; for admins about another member
    or an API key, too. Null where there is no such thing in a workspace of yours."""
