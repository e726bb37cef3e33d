"""The warehouse: what runs low is ordered again."""

from random import Random

from resolvers.demo.forms import Deployed, Facts, Fault, Flow, Link, Saved, Step
from resolvers.demo.people import ACME, NOOR

GOODS = ("hub gear 8s", "brake pads, pair", "saddle, city", "chain 112", "inner tube 28″")


def stock(random: Random) -> Facts:
    return {
        "checked": random.randint(1800, 2100),
        "low": random.randint(1, 9),
        "item": random.choice(GOODS),
        "left": random.randint(0, 12),
        "quantity": random.choice((50, 100, 200, 400)),
        "order": f"PO-{random.randint(3000, 3999)}",
    }


RESTOCK = Flow(
    workspace=ACME,
    name="Warehouse restock",
    slug="warehouse-restock",
    description=("Orders what runs low, item by item. Set aside while the stock is being counted."),
    tags=("warehouse",),
    status="inactive",
    versions=(
        Saved(NOOR, "Order what runs low"),
        Saved(NOOR, "Never more than a pallet at a time"),
    ),
    steps=(
        Step(
            "morning",
            "trigger.schedule",
            "In the morning",
            (0, 0),
            {"cron": "0 7 * * *"},
            ("Looking through the stock",),
        ),
        Step(
            "stock",
            "postgres.query",
            "What runs low?",
            (1, 0),
            {"integration": "postgres", "statement": "stock_below_minimum"},
            ("{checked} items looked at, {low} run low",),
            (60, 420),
        ),
        Step(
            "each",
            "flow.for_each",
            "For each item",
            (2, 0),
            {"of": "stock"},
            ("{item}: {left} left",),
        ),
        Step(
            "limit",
            "data.transform",
            "At most a pallet",
            (3, 0),
            {"expression": "min(quantity, pallet)"},
            ("debug: {quantity} pieces of {item}",),
            since=2,
        ),
        Step(
            "order",
            "http.request",
            "Order it",
            (4, 0),
            {"method": "POST", "url": "https://suppliers.acme.example/orders"},
            ("Ordered as {order}",),
            (200, 1600),
        ),
    ),
    links=(
        Link("morning", "stock"),
        Link("stock", "each"),
        Link("each", "order", "item", until=1),
        Link("each", "limit", "item", since=2),
        Link("limit", "order", since=2),
        Link("order", "each", kind="loop"),
    ),
    deployed=(Deployed("production", 2, NOOR, 45, "stopped", None, {"instances": 1}),),
    runs=9,
    days=(20, 11),
    rhythm="daily",
    trigger="schedule",
    trigger_data={"cron": "0 7 * * *"},
    facts=stock,
    paths=(
        ("morning", "stock", "each", "limit", "order", "each", "limit", "order"),
        ("morning", "stock", "each", "limit", "order"),
    ),
    answers=("checked", "low", "order"),
    faults=(
        Fault(
            "order",
            "The supplier refused the order: {item} is not delivered at the moment",
            "Refused: 409 out of stock",
        ),
        Fault("stock", "The statement took longer than 30 s and was given up", ending="timeout"),
    ),
)

FLOWS = (RESTOCK,)
