"""Customer support: what comes in is sorted before a person reads it."""

from random import Random

from resolvers.demo.forms import Deployed, Facts, Fault, Flow, Link, Saved, Step
from resolvers.demo.people import ACME, ADA, NOOR

TICKETS = (
    ("Where is my parcel?", "delivery", "low"),
    ("Charged twice for order {order}", "billing", "high"),
    ("Checkout answers 500 since this morning", "outage", "urgent"),
    ("How do I add a second delivery address?", "account", "low"),
    ("The left wheel arrived broken", "returns", "normal"),
    ("Invoice without our VAT number", "billing", "normal"),
    ("Nobody in our team can sign in", "outage", "urgent"),
    ("Please cancel order {order}", "orders", "normal"),
)
CUSTOMERS = ("Bright Bikes", "Kaffe & Co", "Nordlys AS", "Mercado Sol", "Van Dijk BV", "Papel Ltda")
UNTIL_ROUTED = ("received", "clean", "language", "classify", "history", "route")


def facts(random: Random) -> Facts:
    subject, topic, urgency = random.choice(TICKETS)
    return {
        "ticket": f"T-{random.randint(20_000, 29_999)}",
        "customer": random.choice(CUSTOMERS),
        "subject": subject.format(order=random.randint(7000, 7999)),
        "language": random.choice(("en", "en", "nl", "sv", "es")),
        "confidence": round(random.uniform(0.81, 0.99), 2),
        "topic": topic,
        "urgency": urgency,
        "removed": random.randint(0, 31),
        "orders": random.randint(1, 48),
        "plan": random.choice(("starter", "team", "business")),
        "similar": random.randint(2, 9),
        "score": round(random.uniform(0.71, 0.94), 2),
        "words": random.randint(60, 180),
    }


TRIAGE = Flow(
    workspace=ACME,
    name="Support triage",
    slug="support-triage",
    description=(
        "Reads every new ticket, tells what it is about and how urgent, and drafts an "
        "answer. Urgent ones page the support lead at once."
    ),
    tags=("support", "ai"),
    status="active",
    versions=(
        Saved(NOOR, "Sort tickets by topic and urgency"),
        Saved(NOOR, "Answer in the customer's language; draft a reply"),
        Saved(ADA, "Look the customer up before deciding, so that outages of big plans go first"),
        Saved(NOOR, "Draft from similar tickets, and let a person read it before it is sent"),
    ),
    steps=(
        Step(
            "received",
            "trigger.webhook",
            "Ticket received",
            (0, 1),
            {"path": "/hooks/tickets", "method": "POST"},
            ("Ticket {ticket} from {customer}: “{subject}”",),
        ),
        Step(
            "clean",
            "data.transform",
            "Strip signature and quotes",
            (1, 1),
            {"keep": "newest"},
            ("debug: {removed} quoted lines removed",),
        ),
        Step(
            "language",
            "ai.classify",
            "Detect the language",
            (2, 1),
            {"labels": ["en", "nl", "sv", "es"]},
            ("Language: {language}, confidence {confidence}",),
            (90, 400),
            since=2,
        ),
        Step(
            "classify",
            "ai.classify",
            "Tell topic and urgency",
            (3, 1),
            {"labels": ["delivery", "billing", "outage", "account", "returns", "orders"]},
            ("debug: Asking the small model", "Topic {topic}, urgency {urgency}"),
            (300, 1400),
        ),
        Step(
            "model",
            "ai.model",
            "Small model",
            (3, 2),
            {"model": "small-instruct", "temperature": 0},
        ),
        Step(
            "history",
            "postgres.query",
            "Look up the customer",
            (4, 1),
            {"integration": "postgres", "statement": "customer_by_name"},
            ("debug: {orders} orders in a year, plan {plan}",),
            (4, 35),
            since=3,
        ),
        Step(
            "route",
            "flow.switch",
            "How urgent?",
            (5, 1),
            {"on": "urgency", "cases": ["urgent", "otherwise"]},
            ("Goes the way of “{urgency}”",),
        ),
        Step(
            "page",
            "oncall.page",
            "Page the support lead",
            (6, 0),
            {"schedule": "support-leads"},
            ("warn: Paging the support lead for {ticket}", "Acknowledged"),
            (900, 5200),
        ),
        Step(
            "draft",
            "ai.agent",
            "Draft a reply",
            (6, 2),
            {"tone": "friendly", "maxWords": 180},
            ("Draft of {words} words in {language}",),
            (1200, 5200),
            since=2,
        ),
        Step(
            "similar",
            "vector.search",
            "Similar tickets",
            (6, 3),
            {"collection": "tickets", "limit": 8},
            ("{similar} similar tickets, the closest at {score}",),
            (25, 140),
            since=4,
        ),
        Step(
            "review",
            "flow.approve",
            "A person reads it",
            (7, 2),
            {"who": "support", "within": "4h"},
            ("debug: The draft waits for a person; the run goes on without",),
            since=4,
        ),
        Step(
            "update",
            "helpdesk.update_ticket",
            "Update the ticket",
            (8, 1),
            {"integration": "helpdesk"},
            ("{ticket}: topic {topic}, urgency {urgency}",),
            (120, 700),
        ),
        Step(
            "notify",
            "slack.post_message",
            "Tell the channel",
            (9, 1),
            {"integration": "slack", "channel": "#support"},
            ("Posted to #support",),
            (80, 420),
        ),
    ),
    links=(
        Link("received", "clean"),
        Link("clean", "classify", until=1),
        Link("clean", "language", since=2),
        Link("language", "classify", since=2),
        Link("model", "classify", kind="ai_model"),
        Link("classify", "route", until=2),
        Link("classify", "history", since=3),
        Link("history", "route", since=3),
        Link("route", "page", "urgent"),
        Link("route", "update", "otherwise", until=1),
        Link("route", "draft", "otherwise", since=2),
        Link("similar", "draft", kind="ai_tool", since=4),
        Link("draft", "update", since=2, until=3),
        Link("draft", "review", since=4),
        Link("review", "update", since=4),
        Link("page", "update"),
        Link("update", "notify"),
    ),
    deployed=(
        Deployed("production", 4, NOOR, 21, config={"instances": 2, "memoryMb": 512}),
        Deployed("staging", 4, NOOR, 22, config={"instances": 1, "memoryMb": 512}),
        Deployed("production", 3, ADA, 35, "stopped", None, {"instances": 2, "memoryMb": 512}),
    ),
    runs=44,
    trigger="webhook",
    trigger_data={"path": "/hooks/tickets", "method": "POST", "contentType": "application/json"},
    facts=facts,
    paths=(
        (*UNTIL_ROUTED, "similar", "draft", "review", "update", "notify"),
        (*UNTIL_ROUTED, "page", "update", "notify"),
    ),
    given=("ticket", "customer", "subject"),
    answers=("ticket", "topic", "urgency", "language"),
    faults=(
        Fault(
            "notify",
            "Slack refused the message: 429 Too Many Requests after 3 attempts",
            "RateLimited: retry after 30 s",
        ),
        Fault(
            "update", "The helpdesk answered 503 Service Unavailable", "ServerError: maintenance"
        ),
        Fault("classify", "The model did not answer within 30 s", ending="timeout"),
        Fault("draft", "Cancelled by Noor Haddad", ending="cancelled"),
    ),
    running=(3, 41),
)

RELEASE_NOTES = Flow(
    workspace=ACME,
    name="Release notes writer",
    slug="release-notes",
    description=(
        "Collects what was merged since the last release and writes notes that customers "
        "understand. Not finished."
    ),
    tags=("writing", "ai"),
    status="draft",
    versions=(Saved(NOOR, "A first sketch"),),
    steps=(
        Step("asked", "trigger.manual", "Asked for", (0, 0), {"inputs": ["since", "until"]}),
        Step(
            "merged",
            "http.request",
            "What was merged",
            (1, 0),
            {"url": "https://code.acme.example/api/changes", "query": {"state": "merged"}},
        ),
        Step("sort", "ai.classify", "New, better or mended?", (2, 0), {"labels": 3}),
        Step("model", "ai.model", "Large model", (2, 1), {"model": "large-instruct"}),
        Step("write", "ai.agent", "Write the notes", (3, 0), {"maxWords": 400}),
    ),
    links=(
        Link("asked", "merged"),
        Link("merged", "sort"),
        Link("sort", "write"),
        Link("model", "sort", kind="ai_model"),
        Link("model", "write", kind="ai_model"),
    ),
)

FLOWS = (TRIAGE, RELEASE_NOTES)
