"""Invoices that arrive by mail, and the customers that may become some."""

from random import Random

from resolvers.demo.forms import Deployed, Facts, Fault, Flow, Link, Saved, Step
from resolvers.demo.people import ACME, ADA, NOOR

SUPPLIERS = ("Stål & Rør AB", "Paperhouse", "Gulf Freight", "Lumen Energy", "Kistemaker BV")


def invoice(random: Random) -> Facts:
    net = round(random.uniform(40, 9000), 2)
    return {
        "number": f"{random.choice(('INV', 'R', 'F'))}-{random.randint(1000, 99999)}",
        "supplier": random.choice(SUPPLIERS),
        "pages": random.randint(1, 6),
        "lines": random.randint(1, 24),
        "currency": random.choice(("EUR", "EUR", "SEK", "USD")),
        "total": round(net * 1.25, 2),
        "confidence": round(random.uniform(0.86, 0.99), 2),
        "order": f"PO-{random.randint(3000, 3999)}",
        "bill": random.randint(100_000, 999_999),
    }


INTAKE = Flow(
    workspace=ACME,
    name="Invoice intake",
    slug="invoice-intake",
    description=(
        "Reads invoices out of the mailbox, checks them against the purchase order and books "
        "them. What does not add up goes to a person."
    ),
    tags=("finance", "documents"),
    status="active",
    versions=(
        Saved(ADA, "From the mailbox into the books"),
        Saved(NOOR, "Compare with the purchase order before booking"),
        Saved(NOOR, "Ask a person when the total is off by more than one percent"),
    ),
    steps=(
        Step(
            "mail",
            "trigger.schedule",
            "Every ten minutes",
            (0, 1),
            {"every": "10m"},
            ("1 new message with an attachment from {supplier}",),
        ),
        Step(
            "parse",
            "documents.parse",
            "Read the invoice",
            (1, 1),
            {"languages": ["en", "sv", "nl", "de"]},
            ("debug: {pages} pages, {lines} lines", "Invoice {number}: {total} {currency}"),
            (900, 4200),
        ),
        Step(
            "extract",
            "ai.extract",
            "Name the fields",
            (2, 1),
            {"fields": ["number", "date", "total", "currency", "vat", "order"]},
            ("All 6 fields found, confidence {confidence}",),
            (700, 2600),
        ),
        Step(
            "order",
            "postgres.query",
            "Find the purchase order",
            (3, 1),
            {"integration": "postgres", "statement": "purchase_order_by_number"},
            ("{order} belongs to {supplier}",),
            since=2,
        ),
        Step(
            "matches",
            "flow.if",
            "Does it add up?",
            (4, 1),
            {"left": "total", "right": "order.total", "tolerancePercent": 1},
            ("debug: The difference is within one percent",),
            since=2,
        ),
        Step(
            "ask",
            "flow.approve",
            "Ask a person",
            (5, 2),
            {"who": "finance", "within": "2d"},
            ("warn: {number} is off by more than one percent; finance is asked", "Approved"),
            (2000, 6000),
            since=3,
        ),
        Step(
            "book",
            "accounting.create_bill",
            "Book it",
            (6, 1),
            {"integration": "accounting", "journal": "suppliers"},
            ("Booked as bill {bill}",),
            (250, 1300),
        ),
    ),
    links=(
        Link("mail", "parse"),
        Link("parse", "extract"),
        Link("extract", "book", until=1),
        Link("extract", "order", since=2),
        Link("order", "matches", since=2),
        Link("matches", "book", "yes", since=2),
        Link("matches", "ask", "no", since=3),
        Link("ask", "book", since=3),
    ),
    deployed=(
        Deployed("production", 3, ADA, 23, config={"instances": 1, "memoryMb": 1024}),
        Deployed("staging", 3, NOOR, 2, "failed", "unreachable", {"instances": 1}),
    ),
    runs=26,
    trigger="schedule",
    trigger_data={"every": "10m"},
    facts=invoice,
    paths=(
        ("mail", "parse", "extract", "order", "matches", "book"),
        ("mail", "parse", "extract", "order", "matches", "book"),
        ("mail", "parse", "extract", "order", "matches", "ask", "book"),
    ),
    given=("supplier", "number"),
    answers=("number", "total", "currency", "bill"),
    faults=(
        Fault(
            "mail",
            "The mailbox refused the sign-in: the app password has expired",
            "AuthenticationFailed: LOGIN failed",
        ),
        Fault(
            "order",
            "There is no purchase order {order}",
            "NotFound: purchase_order_by_number gave no row",
        ),
        Fault("parse", "The document could not be read: page 2 is blank", "Unreadable: page 2"),
    ),
)


def lead(random: Random) -> Facts:
    domain = random.choice(("brightbikes.example", "kaffe.example", "nordlys.example"))
    return {"domain": domain, "people": random.randint(3, 900), "score": random.randint(20, 95)}


LEADS = Flow(
    workspace=ACME,
    name="Lead enrichment",
    slug="lead-enrichment",
    description=(
        "Looked up who a new lead is. Replaced by what the CRM does itself; kept for its history."
    ),
    tags=("sales",),
    status="archived",
    versions=(Saved(NOOR, "Who is this?"), Saved(NOOR, "Score by size")),
    steps=(
        Step(
            "lead",
            "trigger.webhook",
            "New lead",
            (0, 0),
            {"path": "/hooks/leads"},
            ("New lead: {domain}",),
        ),
        Step(
            "company",
            "http.request",
            "Look up the company",
            (1, 0),
            {"url": "https://registry.example/companies", "timeoutMs": 30_000},
            ("{domain}: {people} people",),
            (300, 1800),
        ),
        Step(
            "score",
            "data.transform",
            "Score it",
            (2, 0),
            {"expression": "min(95, people / 10 + 20)"},
            ("Score {score}",),
            since=2,
        ),
        Step(
            "crm",
            "crm.upsert_contact",
            "Into the CRM",
            (3, 0),
            {"integration": "crm"},
            ("debug: {domain} written",),
            (200, 900),
        ),
    ),
    links=(
        Link("lead", "company"),
        Link("company", "crm", until=1),
        Link("company", "score", since=2),
        Link("score", "crm", since=2),
    ),
    deployed=(Deployed("production", 2, NOOR, 60, "stopped", None),),
    runs=7,
    days=(20, 15),
    trigger="webhook",
    trigger_data={"path": "/hooks/leads", "method": "POST"},
    facts=lead,
    paths=(("lead", "company", "score", "crm"),),
    given=("domain",),
    answers=("domain", "score"),
    faults=(Fault("company", "registry.example did not answer within 30 s", ending="timeout"),),
)

FLOWS = (INTAKE, LEADS)
