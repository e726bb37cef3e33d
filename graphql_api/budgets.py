"""What a request costs of its viewer's budget of the hour, and how that is told."""

import msgspec
from graphql import GraphQLError

from graphql_api import metrics
from graphql_api.messages import BudgetExceeded, encode
from resolvers.context import Asker
from resolvers.cost_budgets import Budgets, OverBudget, Spent, kind_of

COST = "cost"
"""Where the extensions of an answer tell it."""


async def spend(budgets: Budgets | None, asker: Asker, cost: int) -> bytes | None:
    """What the answer tells of it, encoded; None where nothing is counted.

    Raises BudgetExceeded.
    """
    if budgets is None:
        return None
    try:
        spent = await budgets.spend(asker, cost)
    except OverBudget as over:
        metrics.OVER_BUDGET.labels(kind_of(asker.viewer)).inc()
        raise BudgetExceeded(_said(over.spent), over.spent.resets_at) from None
    return encode(spent.told()) if spent else None


def spliced(body: bytes, told: bytes | None) -> bytes:
    """A response object without extensions, with what is told of its cost."""
    return body if told is None else b'%b,"extensions":{"cost":%b}}' % (body[:-1], told)


def extension(told: bytes | None) -> dict[str, object]:
    """The same for extensions that are not encoded yet."""
    return {} if told is None else {COST: msgspec.Raw(told)}


def _said(spent: Spent) -> GraphQLError:
    numbers = spent.told()
    return GraphQLError(
        f"This request would cost {spent.requested:,}; {spent.remaining:,} of {spent.budget:,} are"
        f" left of this hour. Ask for less, or again at {spent.resets_at:%H:%M:%S} UTC.",
        extensions={
            "code": "COST_BUDGET_EXCEEDED",
            "limit": numbers.pop("budget"),
            **numbers,
        },
    )
