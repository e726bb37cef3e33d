"""``--plan on`` and ``--plan off``: the same tests, but every query is answered by its plan, or by
the loaders, whichever the test asks. Tests that are about the path itself are marked ``paths`` and
left out. Servers in processes of their own choose as always."""

from typing import Any, Literal, cast

from graphql import print_ast

from graphql_api.execute import Executor
from graphql_api.messages import Answer
from graphql_api.plan import Declined

EXPECTED = {
    "bad argument",
    "bad value",
    "computed by Python",
    "error in Python",
    "no row to read",
}
"""Why a query has no plan though it is forced to have one: it is refused, or Python reads."""

plan: Literal["on", "off"] | None = None
declined: list[str] = []
"""What had no plan for another reason, and the reason."""


def force(wanted: Literal["on", "off"]) -> None:
    global plan  # noqa: PLW0603
    plan = wanted
    usual = Executor._planned  # pyright: ignore[reportPrivateUsage]

    async def planned(self: Any, run: Any, began: float) -> Answer:
        self._only = None if wanted == "on" else "loaders"
        try:
            return await usual(self, run, began)
        except Declined as reason:
            if wanted == "on" and reason.reason not in EXPECTED:
                declined.append(f"{reason}: {print_ast(run.document.operation)}")
            raise

    cast("Any", Executor)._planned = planned

