"""Writing the demonstration: the rows of each statement, and as whom they are written."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from secrets import token_bytes, token_hex
from uuid import UUID, uuid4

import msgspec

from db import demo
from db.credentials import encrypt_credentials
from db.demo import Row
from db.session import Database, Writing
from resolvers import definitions
from resolvers.demo.flows import FLOWS
from resolvers.demo.forms import Deployed, Flow, Person
from resolvers.demo.people import INTEGRATIONS, KEYS, OWNER, PEOPLE, WORKSPACES
from resolvers.demo.story import Run, runs
from resolvers.probes import KINDS

ADDRESS = "https://mcp.example.com"


class Stage:
    """One transaction, in which everybody plays their part."""

    def __init__(
        self,
        database: Database,
        transaction: Writing,
        people: Mapping[Person, UUID],
        now: datetime,
    ) -> None:
        self._database, self._transaction = database, transaction
        self._people, self._now = people, now
        self._workspaces: dict[str, UUID] = {}
        self._flows: dict[str, UUID] = {}
        self._deployments = {flow.slug: _ids(len(flow.deployed)) for flow in FLOWS}

    async def play(self) -> str:
        """Write everything, and tell what there is now."""
        await self._gather()
        await self._draw()
        await self._as(OWNER)
        await self._connect()
        await self._hand_out_keys()
        await self._deploy()
        await self._as(OWNER)
        told = runs(FLOWS, self._now)
        await self._run(told)
        lines = sum(len(run.lines) for run in told)
        return (
            f"{len(WORKSPACES)} workspaces, {len(FLOWS)} workflows, {len(told)} executions, "
            f"{lines:,} lines of logs"
        )

    async def _as(self, person: Person) -> None:
        await demo.go_on_as(self._database, self._transaction, self._people[person])

    async def _gather(self) -> None:
        """The workspaces, and who is a member of them."""
        await self._as(OWNER)
        invited: list[tuple[Person, bytes]] = []
        for each in WORKSPACES:
            id = await demo.create_workspace(self._transaction, each.name, each.slug)
            self._workspaces[each.slug] = id
            members = [(member.person.email, member.role) for member in each.members]
            tokens = [token_bytes(32) for _ in (*members, *each.invited)]
            rows: list[Row] = [
                {"workspace_id": id, "email": email, "role": role, "token": token.hex()}
                for (email, role), token in zip((*members, *each.invited), tokens, strict=True)
            ]
            await demo.write(self._transaction, demo.INVITE, rows)
            invited += [(m.person, token) for m, token in zip(each.members, tokens, strict=False)]
        await self._describe_workspaces()
        for person in PEOPLE:
            await self._as(person)
            await demo.describe_user(self._transaction, person.timezone, person.locale)
            for guest, token in invited:
                if guest is person:
                    await demo.accept(self._transaction, token)

    async def _describe_workspaces(self) -> None:
        rows: list[Row] = [
            {
                "id": self._workspaces[each.slug],
                "description": each.description,
                "settings": each.settings,
            }
            for each in WORKSPACES
        ]
        await demo.write(self._transaction, demo.DESCRIBE_WORKSPACES, rows)

    async def _draw(self) -> None:
        """The workflows, version by version, each saved by who saved it."""
        for version in range(1, max(flow.version for flow in FLOWS) + 1):
            for person in PEOPLE:
                flows = [
                    flow
                    for flow in FLOWS
                    if version <= flow.version and flow.versions[version - 1].by is person
                ]
                if flows:
                    await self._as(person)
                    await self._save(version, flows)
        status = [
            {"id": self._flows[flow.slug], "status": flow.status}
            for flow in FLOWS
            if flow.status != "draft"
        ]
        await self._as(OWNER)
        await demo.write(self._transaction, demo.SET_STATUS, status)

    async def _save(self, version: int, flows: Iterable[Flow]) -> None:
        rows: list[Row] = [
            {
                "definition": msgspec.Raw(definitions.write(flow.definition(version)).encode()),
                "changelog": flow.versions[version - 1].changelog,
                **(self._first(flow) if version == 1 else self._next(flow, version)),
            }
            for flow in flows
        ]
        if version > 1:
            await demo.write(self._transaction, demo.SAVE_WORKFLOWS, rows)
            return
        for slug, id in await demo.write(self._transaction, demo.CREATE_WORKFLOWS, rows):
            self._flows[slug] = id

    def _first(self, flow: Flow) -> Row:
        return {
            "slug": flow.slug,
            "workspace_id": self._workspaces[flow.workspace],
            "name": flow.name,
            "description": flow.description,
            "tags": flow.tags,
        }

    def _next(self, flow: Flow, version: int) -> Row:
        return {"id": self._flows[flow.slug], "base": version - 1}

    async def _connect(self) -> None:
        """The integrations, and what their last test said."""
        made: list[Row] = [
            {
                "id": id,
                "workspace_id": self._workspaces[each.workspace],
                "service": each.service,
                "kind": each.kind,
                "account": each.account,
                **self._sealed(self._workspaces[each.workspace], id, each.kind),
                "scopes": each.scopes,
                "status": each.status,
            }
            for id, each in zip(_ids(len(INTEGRATIONS)), INTEGRATIONS, strict=True)
        ]
        await demo.write(self._transaction, demo.CONNECT, made)
        tested: list[Row] = [
            {
                "id": row["id"],
                "tested_at": self._now - timedelta(hours=each.tested_hours_ago),
                "result": each.result,
            }
            for row, each in zip(made, INTEGRATIONS, strict=True)
            if each.tested_hours_ago is not None
        ]
        await demo.write(self._transaction, demo.REPORT_TESTS, tested)

    def _sealed(self, workspace: UUID, id: UUID, kind: str) -> Row:
        """Credentials of this kind that open nothing."""
        noise = {name: token_hex(20) for name in KINDS[kind].required}
        sealed = encrypt_credentials(self._database.sealing, workspace, id, noise)
        return {"credentials": sealed.text.hex(), "key_id": sealed.key_id}

    async def _hand_out_keys(self) -> None:
        """API keys, of which nobody has seen more than the beginning."""
        made: list[Row] = [
            {
                "id": uuid4(),
                "workspace_id": self._workspaces[each.workspace],
                "name": each.name,
                "key_hash": token_hex(32),
                "key_prefix": f"mcp_{token_hex(4)}",
                "scopes": each.scopes,
                "rate_limit": each.rate_limit,
                "expires_at": each.expires_in_days
                and self._now + timedelta(days=each.expires_in_days),
                "status": each.status,
            }
            for each in KEYS
        ]
        await demo.write(self._transaction, demo.CREATE_KEYS, made)
        await demo.write(self._transaction, demo.SET_KEYS, made)

    async def _deploy(self) -> None:
        """The deployments, each made by who made it."""
        for person in PEOPLE:
            rows = [
                self._deployment(flow, number, each)
                for flow in FLOWS
                for number, each in enumerate(flow.deployed)
                if each.by is person
            ]
            if rows:
                await self._as(person)
                await demo.write(self._transaction, demo.DEPLOY, rows)
                await demo.write(self._transaction, demo.REPORT_HEALTH, rows)

    def _deployment(self, flow: Flow, number: int, deployed: Deployed) -> Row:
        up = deployed.status in ("deployed", "stopped")
        place = f"{ADDRESS}/{flow.workspace}/{flow.slug}"
        if deployed.environment != "production":
            place += f"-{deployed.environment}"
        return {
            "id": self._deployments[flow.slug][number],
            "workspace_id": self._workspaces[flow.workspace],
            "workflow_id": self._flows[flow.slug],
            "environment": deployed.environment,
            "url": place if up else None,
            "status": deployed.status,
            "config": deployed.config,
            "version": deployed.version,
            "label": f"v{deployed.version}.{len(flow.deployed) - number}",
            "deployed_at": self._now - timedelta(days=deployed.days_ago) if up else None,
            "checked_at": self._now - timedelta(seconds=20) if deployed.health else None,
            "health": deployed.health,
        }

    async def _run(self, told: list[Run]) -> None:
        """The executions: each begins, logs and, unless it still goes on, ends."""
        begun: list[Row] = [
            {
                "id": run.id,
                "workspace_id": self._workspaces[run.flow.workspace],
                "workflow_id": self._flows[run.flow.slug],
                "deployment_id": self._deployment_of(run),
                "trigger_type": run.trigger_type,
                "trigger_data": run.trigger_data,
                "input_data": run.input_data,
            }
            for run in told
        ]
        logged: list[Row] = [
            {"id": run.id, "lines": [line._asdict() for line in run.lines]} for run in told
        ]
        ended: list[Row] = [
            {
                "id": run.id,
                "status": run.status,
                "output_data": run.output_data,
                "error_message": run.error_message,
                "error_stack": run.error_stack,
                "duration_ms": run.duration_ms,
                "memory_usage_mb": run.memory_usage_mb,
                "completed_at": run.completed_at,
            }
            for run in told
            if run.completed_at
        ]
        await demo.write(self._transaction, demo.BEGIN_RUNS, begun)
        await demo.write(self._transaction, demo.LOG, logged)
        await demo.write(self._transaction, demo.END_RUNS, ended)

    def _deployment_of(self, run: Run) -> UUID | None:
        if run.deployed is None:
            return None
        return self._deployments[run.flow.slug][run.flow.deployed.index(run.deployed)]


def _ids(count: int) -> list[UUID]:
    """Random ids, the greatest first: of what was made in one moment, that is the newest."""
    return sorted((uuid4() for _ in range(count)), reverse=True)
