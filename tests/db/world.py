"""A small world to test in: people, workspaces and what is in them, put there by the superuser.

``acting`` is the other half: a transaction of the API's login that is bound to a viewer, in which
every policy, grant and trigger applies.
"""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any
from uuid import UUID

from db.session import BIND_CLIENT, BIND_VIEWER, NOWHERE, Client, Database, Viewer

if TYPE_CHECKING:
    from asyncpg import Connection, Record

_numbers = count(1)


@dataclass
class Team:
    """A workspace with one member of each role, a workflow, a deployment and an execution."""

    workspace: UUID
    owner: UUID
    admin: UUID
    editor: UUID
    viewer: UUID
    workflow: UUID
    deployment: UUID
    execution: UUID


@dataclass
class World:
    url: str
    superuser: "Connection[Record]"
    database: Database

    @asynccontextmanager
    async def acting(
        self, viewer: Viewer, client: Client = NOWHERE
    ) -> "AsyncGenerator[Connection[Record]]":
        """A connection of mcp_api in a transaction as ``viewer``; committed at the end."""
        async with self.database.api.connection() as connection, connection.transaction():
            await connection.fetchval(BIND_VIEWER, *self.database.seal.settings(viewer))
            await connection.fetchval(BIND_CLIENT, *client)
            yield connection

    async def seen(self, viewer: Viewer, query: str, *values: object) -> Any:
        """One value, as ``viewer`` sees it."""
        async with self.acting(viewer) as connection:
            return await connection.fetchval(query, *values)

    async def user(self) -> UUID:
        n = next(_numbers)
        return await self.superuser.fetchval(
            "INSERT INTO users (email, name, password_hash, email_verified)"
            " VALUES ($1, $2, 'hash', true) RETURNING id",
            f"person{n}@example.org",
            f"Person {n}",
        )

    async def workspace(self, owner: UUID) -> UUID:
        async with self.superuser.transaction():
            workspace: UUID = await self.superuser.fetchval(
                "INSERT INTO workspaces (name, slug, owner_id) VALUES ('W', $1, $2) RETURNING id",
                f"team-{next(_numbers)}",
                owner,
            )
            await self.join(workspace, owner, "owner")
        return workspace

    async def join(self, workspace: UUID, user: UUID, role: str, *scopes: str) -> None:
        await self.superuser.execute(
            "INSERT INTO workspace_users (workspace_id, user_id, role, permissions)"
            " VALUES ($1, $2, $3, $4)",
            workspace,
            user,
            role,
            json.dumps(scopes),
        )

    async def workflow(self, workspace: UUID, by: UUID, definition: str = '{"nodes": []}') -> UUID:
        async with self.superuser.transaction():
            workflow: UUID = await self.superuser.fetchval(
                "INSERT INTO workflows (workspace_id, name, definition, created_by)"
                " VALUES ($1, 'Flow', $2, $3) RETURNING id",
                workspace,
                definition,
                by,
            )
            await self.superuser.execute(
                "INSERT INTO workflow_versions"
                " (workspace_id, workflow_id, version, definition, created_by)"
                " VALUES ($1, $2, 1, $3, $4)",
                workspace,
                workflow,
                definition,
                by,
            )
        return workflow

    async def deployment(self, workspace: UUID, workflow: UUID, by: UUID) -> UUID:
        return await self.superuser.fetchval(
            "INSERT INTO deployments (workspace_id, workflow_id, workflow_version, created_by)"
            " VALUES ($1, $2, 1, $3) RETURNING id",
            workspace,
            workflow,
            by,
        )

    async def execution(self, workspace: UUID, workflow: UUID, status: str = "running") -> UUID:
        return await self.superuser.fetchval(
            "INSERT INTO executions (workspace_id, workflow_id, trigger_type, status)"
            " VALUES ($1, $2, 'manual', $3) RETURNING id",
            workspace,
            workflow,
            status,
        )

    async def api_key(self, workspace: UUID, by: UUID, *scopes: str) -> UUID:
        n = next(_numbers)
        return await self.superuser.fetchval(
            "INSERT INTO api_keys (workspace_id, name, key_hash, key_prefix, scopes, created_by)"
            " VALUES ($1, 'Key', sha256($2), 'mcp_', $3, $4) RETURNING id",
            workspace,
            str(n).encode(),
            list(scopes),
            by,
        )

    async def team(self) -> Team:
        owner, admin, editor, viewer = [await self.user() for _ in range(4)]
        workspace = await self.workspace(owner)
        for user, role in ((admin, "admin"), (editor, "editor"), (viewer, "viewer")):
            await self.join(workspace, user, role)
        workflow = await self.workflow(workspace, owner)
        return Team(
            workspace,
            owner,
            admin,
            editor,
            viewer,
            workflow,
            await self.deployment(workspace, workflow, owner),
            await self.execution(workspace, workflow),
        )
