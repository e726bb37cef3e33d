"""Who is in the demonstration, and what their workspaces hold beside workflows."""

from typing import NamedTuple

from resolvers.demo.forms import Person
from resolvers.exact_json import Json

ADA = Person("Ada Lindqvist", "demo@example.com", "Europe/Stockholm", "sv")
NOOR = Person("Noor Haddad", "noor@example.com", "Europe/Amsterdam", "nl")
TOMAS = Person("Tomás Ruiz", "tomas@example.com", "America/Bogota", "es")

OWNER, PEOPLE = ADA, (ADA, NOOR, TOMAS)

ACME, PLAYGROUND = "acme", "playground"


class Member(NamedTuple):
    person: Person
    role: str


class Integration(NamedTuple):
    """A connection to an outside service; its credentials are made up and open nothing."""

    workspace: str
    service: str
    kind: str
    account: str = ""
    scopes: tuple[str, ...] = ()
    status: str = "active"
    tested_hours_ago: float | None = None
    result: dict[str, Json] | None = None


class Key(NamedTuple):
    """An API key that nobody holds. ``rate_limit`` is in requests an hour."""

    workspace: str
    name: str
    scopes: tuple[str, ...]
    rate_limit: int = 1_000
    expires_in_days: int | None = None
    status: str = "active"


class Workspace(NamedTuple):
    slug: str
    name: str
    description: str
    settings: dict[str, Json]
    members: tuple[Member, ...] = ()
    invited: tuple[tuple[str, str], ...] = ()
    """Addresses and roles of those who have not answered."""


WORKSPACES = (
    Workspace(
        ACME,
        "Acme Operations",
        "What keeps Acme running: support, invoices, the warehouse and the people on call.",
        {"default_role": "viewer", "invitation_days": 14},
        (Member(NOOR, "editor"), Member(TOMAS, "viewer")),
        (("iris@example.com", "admin"),),
    ),
    Workspace(
        PLAYGROUND,
        "Playground",
        "For trying things out. Nothing here is in anybody's way.",
        {},
        (Member(NOOR, "viewer"),),
    ),
)

INTEGRATIONS = (
    Integration(
        ACME,
        "slack",
        "oauth2",
        "acme.slack.example",
        ("chat:write", "channels:read"),
        tested_hours_ago=2.5,
        result={"ok": True, "latencyMs": 118, "team": "Acme"},
    ),
    Integration(
        ACME,
        "postgres",
        "basic",
        "warehouse-replica",
        ("read",),
        tested_hours_ago=7,
        result={"ok": True, "latencyMs": 9, "version": "16.4"},
    ),
    Integration(
        ACME,
        "helpdesk",
        "api_key",
        scopes=("tickets:read", "tickets:write"),
        tested_hours_ago=26,
        result={"ok": True, "latencyMs": 203},
    ),
    Integration(
        ACME,
        "mail",
        "basic",
        "invoices@acme.example",
        ("imap",),
        status="error",
        tested_hours_ago=1,
        result={"ok": False, "error": "LOGIN failed: the app password has expired"},
    ),
    Integration(
        ACME,
        "accounting",
        "oauth2",
        scopes=("bills:write",),
        tested_hours_ago=31,
        result={"ok": True, "latencyMs": 344},
    ),
    Integration(ACME, "crm", "oauth2", scopes=("contacts:read",), status="inactive"),
    Integration(
        PLAYGROUND,
        "weather",
        "api_key",
        tested_hours_ago=90,
        result={"ok": True, "latencyMs": 61},
    ),
)

KEYS = (
    Key(
        ACME,
        "Production runtime",
        ("workflows:read", "deployments:read", "executions:write", "logs:write"),
        rate_limit=100_000,
    ),
    Key(
        ACME,
        "Status board",
        ("workspace:read", "workflows:read", "executions:read"),
        expires_in_days=60,
    ),
    Key(
        ACME,
        "Noor's laptop",
        ("executions:read", "logs:read"),
        expires_in_days=9,
        status="revoked",
    ),
    Key(PLAYGROUND, "Trying it out", ("workflows:read",), rate_limit=100, expires_in_days=30),
)
