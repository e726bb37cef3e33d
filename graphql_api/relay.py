"""Connections as Relay has them: a page of a list, its edges, and where it ends."""

from typing import Generic, TypeVar

import strawberry

from graphql_api.ways import Part
from resolvers.context import Info
from resolvers.loaders import Slice

T = TypeVar("T")


async def _total_count(root: strawberry.Parent[Slice], info: Info) -> int:
    return await info.context.loaders.count(root.relation, root.key, root.page.where)


@strawberry.type(name="Edge", description="A row and its place in the list.")
class Edge(Generic[T]):
    cursor: str = strawberry.field(description="Give it as `after` or `before` to page from here.")
    node: T = strawberry.field(description="The row.")


@strawberry.type(description="Where a page ends.")
class PageInfo:
    has_next_page: bool = strawberry.field(
        description="Whether rows follow. Paging backward: whether `before` was given."
    )
    has_previous_page: bool = strawberry.field(
        description="Whether rows precede. Paging forward: whether `after` was given."
    )
    start_cursor: str | None = strawberry.field(description="The cursor of the first row.")
    end_cursor: str | None = strawberry.field(description="The cursor of the last row.")


@strawberry.type(name="Connection", description="A page of a list.")
class Connection(Generic[T]):
    edges: list[Edge[T]] = strawberry.field(description="The rows, each with its cursor.")
    nodes: list[T] = strawberry.field(description="The rows.")
    page_info: PageInfo = strawberry.field(description="Where the page ends.")
    total_count: int = strawberry.field(
        resolver=_total_count,
        metadata={"way": Part("total")},
        description="How many rows pass the filter on all pages. Counted only where asked for.",
    )
