"""The rows of ``sample.sql``, their ids, and everybody who may ask for them."""

from hashlib import md5
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from db.session import Viewer

if TYPE_CHECKING:
    from asyncpg import Connection, Record

ROLES = ("owner", "admin", "editor", "viewer")

SQL = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")


def of(name: str) -> UUID:
    """The id of a row made above, e.g. ``workflow 1 3``."""
    digest = md5(name.encode()).hexdigest()  # noqa: S324
    return UUID(f"{digest[:12]}4{digest[13:]}")


def viewers(team: int) -> dict[str, Viewer]:
    """Everybody who may ask: the members of a team, its keys, a stranger and nobody."""
    return {
        **{role: Viewer(of(f"user {team} {role}")) for role in ROLES},
        "key": Viewer(api_key_id=of(f"key {team} 1")),
        "key for logs": Viewer(api_key_id=of(f"key {team} 2")),
        "key for nothing": Viewer(api_key_id=of(f"key {team} 3")),
        "key for workflows": Viewer(api_key_id=of(f"key {team} 4")),
        "revoked key": Viewer(api_key_id=of(f"key {team} 5")),
        "expired key": Viewer(api_key_id=of(f"key {team} 6")),
        "inactive key": Viewer(api_key_id=of(f"key {team} 7")),
        "key of an editor": Viewer(api_key_id=of(f"key {team} 8")),
        "key of one who left": Viewer(api_key_id=of(f"key {team} 9")),
        "key of a deleted workspace": Viewer(api_key_id=of("key gone")),
        "guest": Viewer(of("guest")),
        "stranger": Viewer(of("somebody else")),
        "nobody": Viewer(),
    }


async def fill(superuser: "Connection[Record]") -> None:
    await superuser.execute(SQL)
