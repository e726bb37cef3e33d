"""The people on call: what they read in the morning, and who wakes them at night."""

from random import Random

from resolvers.demo.forms import Deployed, Facts, Fault, Flow, Link, Saved, Step
from resolvers.demo.people import ACME, ADA, NOOR


def day(random: Random) -> Facts:
    orders = random.randint(180, 640)
    return {
        "orders": orders,
        "late": random.randint(0, 14),
        "tickets": random.randint(20, 90),
        "incidents": random.randint(0, 3),
        "change": random.randint(-18, 24),
        "words": random.randint(120, 210),
    }


DIGEST = Flow(
    workspace=ACME,
    name="Daily operations digest",
    slug="daily-digest",
    description=(
        "At seven every morning: yesterday's orders, tickets and incidents in a minute of reading."
    ),
    tags=("reporting", "ai"),
    status="active",
    versions=(
        Saved(ADA, "Numbers of yesterday, by mail"),
        Saved(ADA, "Into Slack, and only what changed"),
    ),
    steps=(
        Step(
            "seven",
            "trigger.schedule",
            "At seven",
            (0, 1),
            {"cron": "0 7 * * *", "timezone": "UTC"},
            ("It is seven",),
        ),
        Step(
            "orders",
            "postgres.query",
            "Orders of yesterday",
            (1, 0),
            {"integration": "postgres", "statement": "orders_by_day"},
            ("{orders} orders, {late} of them late",),
            (20, 160),
        ),
        Step(
            "tickets",
            "helpdesk.search",
            "Tickets of yesterday",
            (1, 1),
            {"integration": "helpdesk"},
            ("{tickets} tickets",),
            (200, 900),
        ),
        Step(
            "incidents",
            "http.request",
            "Incidents of yesterday",
            (1, 2),
            {"url": "https://status.acme.example/api/incidents"},
            ("{incidents} incidents",),
            (90, 500),
        ),
        Step("merge", "flow.merge", "Put together", (2, 1), {"wait": "all"}),
        Step(
            "write",
            "ai.agent",
            "Write the digest",
            (3, 1),
            {"maxWords": 200},
            ("Orders changed by {change} %", "{words} words"),
            (1500, 5200),
        ),
        Step("model", "ai.model", "Small model", (3, 2), {"model": "small-instruct"}),
        Step(
            "mail",
            "mail.send",
            "By mail",
            (4, 1),
            {"integration": "mail", "to": "operations@acme.example"},
            ("Sent to operations@acme.example",),
            (200, 800),
        ),
        Step(
            "post",
            "slack.post_message",
            "Into Slack",
            (4, 0),
            {"integration": "slack", "channel": "#operations"},
            ("Posted to #operations",),
            (90, 380),
            since=2,
        ),
    ),
    links=(
        Link("seven", "orders"),
        Link("seven", "tickets"),
        Link("seven", "incidents"),
        Link("orders", "merge"),
        Link("tickets", "merge"),
        Link("incidents", "merge"),
        Link("merge", "write"),
        Link("model", "write", kind="ai_model"),
        Link("write", "mail"),
        Link("write", "post", since=2),
    ),
    deployed=(Deployed("production", 2, ADA, 30, config={"instances": 1}),),
    runs=20,
    rhythm="daily",
    trigger="schedule",
    trigger_data={"cron": "0 7 * * *"},
    facts=day,
    paths=(("seven", "orders", "tickets", "incidents", "merge", "write", "mail", "post"),),
    given=(),
    answers=("orders", "late", "tickets", "incidents", "words"),
    faults=(
        Fault(
            "orders",
            "The replica is 41 minutes behind; yesterday is not complete",
            "StaleReplica: lag 2460 s",
        ),
    ),
)

SERVICES = ("checkout", "search", "warehouse-sync", "mail-gateway", "label-printer")


def alarm(random: Random) -> Facts:
    return {
        "alarm": f"A-{random.randint(400, 999)}",
        "service": random.choice(SERVICES),
        "rate": round(random.uniform(2.1, 38.0), 1),
        "severity": random.choice(("critical", "critical", "warning")),
        "engineer": random.choice(("Ada Lindqvist", "Noor Haddad")),
        "attempt": random.randint(1, 3),
        "minutes": random.randint(1, 14),
    }


ESCALATION = Flow(
    workspace=ACME,
    name="On-call escalation",
    slug="oncall-escalation",
    description=(
        "Pages whoever is on call, again every five minutes, and the next one after three "
        "attempts, until somebody acknowledges."
    ),
    tags=("incidents", "on-call"),
    status="active",
    versions=(
        Saved(NOOR, "Page whoever is on call"),
        Saved(NOOR, "Page again until somebody acknowledges"),
        Saved(ADA, "The next person after three attempts; open a channel for the incident"),
    ),
    steps=(
        Step(
            "alarm",
            "trigger.webhook",
            "Alarm",
            (0, 1),
            {"path": "/hooks/alarms", "method": "POST"},
            ("warn: {alarm} ({severity}): {service} fails {rate} % of its requests",),
        ),
        Step(
            "oncall",
            "oncall.who",
            "Who is on call?",
            (1, 1),
            {"schedule": "platform"},
            ("{engineer} is on call",),
            (40, 160),
        ),
        Step(
            "page",
            "oncall.page",
            "Page",
            (2, 1),
            {"channels": ["push", "call"]},
            ("Paging {engineer}, attempt {attempt}",),
            (500, 2400),
        ),
        Step(
            "acknowledged",
            "flow.if",
            "Acknowledged?",
            (3, 1),
            {"left": "page.acknowledged", "equals": True},
            ("Acknowledged by {engineer} after {minutes} minutes",),
            (1500, 9000),
        ),
        Step(
            "wait",
            "flow.wait",
            "Five minutes",
            (3, 2),
            {"for": "5m", "attempts": 3},
            ("warn: Nobody acknowledged; waiting",),
            (1000, 3000),
            since=2,
        ),
        Step(
            "next",
            "oncall.next",
            "The next person",
            (2, 2),
            {"schedule": "platform"},
            ("debug: The order of escalation stays",),
            since=3,
        ),
        Step(
            "channel",
            "slack.create_channel",
            "A channel for the incident",
            (4, 1),
            {"integration": "slack", "name": "incident-{alarm}"},
            ("Opened a channel for {alarm}",),
            (150, 600),
            since=3,
        ),
        Step(
            "log",
            "postgres.insert",
            "Keep a record",
            (5, 1),
            {"integration": "postgres", "table": "incidents"},
            ("debug: {alarm} recorded",),
        ),
    ),
    links=(
        Link("alarm", "oncall"),
        Link("oncall", "page"),
        Link("page", "acknowledged"),
        Link("acknowledged", "log", "yes", until=2),
        Link("acknowledged", "channel", "yes", since=3),
        Link("acknowledged", "wait", "no", since=2),
        Link("wait", "page", kind="loop", since=2, until=2),
        Link("wait", "next", since=3),
        Link("next", "page", kind="loop", since=3),
        Link("channel", "log", since=3),
    ),
    deployed=(
        Deployed("production", 3, ADA, 26, config={"instances": 2, "priority": "high"}),
        Deployed("staging", 3, NOOR, 27, "deployed", "degraded", {"instances": 1}),
        Deployed("development", 2, NOOR, 40, "stopped", None),
    ),
    runs=14,
    rhythm="round the clock",
    trigger="webhook",
    trigger_data={"path": "/hooks/alarms", "method": "POST"},
    facts=alarm,
    paths=(
        ("alarm", "oncall", "page", "acknowledged", "channel", "log"),
        ("alarm", "oncall", "page", "wait", "next", "page", "acknowledged", "channel", "log"),
    ),
    given=("alarm", "service", "severity", "rate"),
    answers=("alarm", "engineer", "minutes"),
    faults=(
        Fault("page", "Cancelled: {service} recovered by itself", ending="cancelled"),
        Fault(
            "channel",
            "Slack refused the channel: the name incident-{alarm} is taken",
            "NameTaken: incident-{alarm}",
        ),
    ),
)

FLOWS = (DIGEST, ESCALATION)
