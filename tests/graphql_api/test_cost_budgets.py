"""What clients are told of the cost of their requests, over every wire and along both paths."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx
import pytest
from prometheus_client import REGISTRY
from websockets.asyncio.client import connect as open_socket
from websockets.typing import Subprotocol

from db.secrets import Secrets
from db.session import connect
from graphql_api.app import create_app
from graphql_api.execute import Path
from graphql_api.global_ids import write_global_id
from graphql_api.messages import Body, BudgetExceeded
from graphql_api.settings import read_settings
from graphql_api.websocket import PROTOCOL
from resolvers.context import Asker
from resolvers.cost_budgets import Budgets
from resolvers.tokens import Tokens
from tests import forced, sample
from tests.graphql_api.asking import OWNER, Asking
from tests.graphql_api.platform import Platform
from tests.graphql_api.wires import serving
from tests.resolvers.test_cost_budgets import WITHIN_ONE

SECRET = "the secret that every test of the database uses"
QUERY = "{ workspaces(first: 1) { nodes { name } } }"
CHANGE = 'mutation { updateProfile(input: { name: "Ada" }) { errors { code } user { name } } }'
LOGS = "subscription ($id: ID!) { executionLogs(executionId: $id) { lines { seq } ended } }"
CHANGES = "subscription ($id: ID!) { workspaceExecutions(workspaceId: $id) { cursor } }"
COST = 3

Make = Callable[..., Asking]
Told = dict[str, Any]


@pytest.fixture(autouse=True)
async def new_budgets(platform: Platform) -> None:
    await platform.superuser.execute(WITHIN_ONE)
    await platform.superuser.execute("TRUNCATE secret.cost_budgets")


async def answered(asking: Asking, query: str, **asked: Any) -> Told:
    """The response, which came along the path that is asked."""
    answer = await asking.executor.answer(Body(query, **asked), Asker(OWNER))
    assert forced.plan or answer.by == asking.path
    return json.loads(answer.body)


@pytest.mark.parametrize("path", ["compiled", "loaders"])
async def test_a_query_tells_what_it_cost_and_what_is_left(
    platform: Platform, asking: Make, path: Path
) -> None:
    asked = asking(platform.database, path, budgets=Budgets(platform.database, 1_000))
    first, second = [await answered(asked, QUERY) for _ in range(2)]

    told = first["extensions"]["cost"]
    assert told.pop("resetAt").endswith(":00:00Z")
    assert told == {"requested": COST, "budget": 1_000, "remaining": 1_000 - COST}
    assert second["extensions"]["cost"]["remaining"] == 1_000 - 2 * COST
    assert second["data"] == first["data"] != {"workspaces": {"nodes": []}}


@pytest.mark.parametrize("path", ["compiled", "loaders"])
async def test_without_a_budget_an_answer_is_its_data_alone(
    platform: Platform, asking: Make, path: Path
) -> None:
    assert list(await answered(asking(platform.database, path), QUERY)) == ["data"]


@pytest.mark.parametrize("path", ["compiled", "loaders"])
async def test_an_answer_with_errors_tells_its_cost_too(
    platform: Platform, asking: Make, path: Path
) -> None:
    asked = asking(platform.database, path, budgets=Budgets(platform.database, 1_000))
    query = '{ workspaces(first: 1, after: "nowhere") { nodes { name } } }'
    answer = await asked.executor.answer(Body(query), Asker(OWNER))
    assert {"errors", "extensions"} <= json.loads(answer.body).keys()


async def test_a_mutation_is_counted(platform: Platform, asking: Make) -> None:
    asked = asking(platform.database, "loaders", budgets=Budgets(platform.database, 1_000))
    response = await answered(asked, CHANGE)
    assert response["data"]["updateProfile"]["user"] == {"name": "Ada"}
    assert response["extensions"]["cost"]["requested"] > COST


async def test_a_mutation_over_budget_changes_nothing(platform: Platform, asking: Make) -> None:
    asked = asking(platform.database, "loaders", budgets=Budgets(platform.database, 1))
    with pytest.raises(BudgetExceeded):
        await answered(asked, CHANGE.replace("Ada", "Eve"))
    names = await platform.superuser.fetch("SELECT FROM users WHERE name = 'Eve'")
    assert names == []


async def test_a_request_that_is_refused_for_its_form_costs_nothing(
    platform: Platform, asking: Make
) -> None:
    budgets = Budgets(platform.database, 1_000)
    asked = asking(platform.database, "compiled", budgets=budgets)
    for query in ("{ nonsense }", LOGS, "{ workspaces(first: -1) { nodes { name } } "):
        await asked.executor.answer(Body(query), Asker(OWNER))
    response = await answered(asked, QUERY)
    assert response["extensions"]["cost"]["remaining"] == 1_000 - COST


async def test_of_2000_requests_at_once_to_two_processes_the_budget_is_answered(
    platform: Platform, asking: Make, secrets: Secrets
) -> None:
    async with connect(platform.url, secrets, size=4) as elsewhere:
        processes = [
            asking(database, "compiled", budgets=Budgets(database, 500 * COST)).executor
            for database in (platform.database, elsewhere)
        ]
        answers = await asyncio.gather(
            *(process.answer(Body(QUERY), Asker(OWNER)) for process in processes * 1_000),
            return_exceptions=True,
        )
    refused = [each for each in answers if isinstance(each, BaseException)]
    assert {type(each) for each in refused} == {BudgetExceeded}
    assert len(answers) - len(refused) == 500


async def test_a_query_with_a_part_at_hand_takes_no_statement_more(
    platform: Platform, asking: Make
) -> None:
    asked = asking(platform.database, "compiled", budgets=Budgets(platform.database, 1_000))
    await answered(asked, QUERY)
    statements: list[object] = []
    for connection in open_for_sign_in(platform):
        connection.add_query_logger(statements.append)
    before = open_for_sign_in(platform)
    for _ in range(10):
        await answered(asked, QUERY)
    assert open_for_sign_in(platform) == before
    assert statements == []

    await asked.executor.answer(Body(QUERY), Asker(sample.viewers(1)["editor"]))
    assert len(statements) == 1
    for connection in before:
        connection.remove_query_logger(statements.append)


def open_for_sign_in(platform: Platform) -> list[Any]:
    """The connections through which parts of budgets are taken."""
    return list(cast("Any", platform.database.auth)._lives)


# Over the wires


@asynccontextmanager
async def served(platform: Platform, budget: int) -> AsyncGenerator[str]:
    settings = read_settings(
        database_url=platform.url, secret_key=SECRET, pool_size=2, max_cost_per_hour=budget
    )
    async with serving(create_app(settings), lifespan=True) as address:
        yield address


@pytest.fixture
async def address(platform: Platform) -> AsyncGenerator[str]:
    """The application with a budget of one query."""
    async with served(platform, COST) as address:
        yield address


@pytest.fixture
def authorization(secrets: Secrets) -> str:
    assert OWNER.user_id
    return f"Bearer {Tokens(secrets).issue(OWNER.user_id)[0]}"


def checked(error: Told) -> None:
    told = error["extensions"]
    assert told.pop("resetAt").endswith(":00:00Z")
    numbers = {"limit": COST, "requested": COST, "remaining": 0}
    assert told == {"code": "COST_BUDGET_EXCEEDED", **numbers}


async def test_over_http_a_spent_budget_is_429_and_says_when_to_come_again(
    address: str, authorization: str
) -> None:
    before = refusals()
    async with httpx.AsyncClient(
        base_url=f"http://{address}", headers={"Authorization": authorization}
    ) as client:
        answers = [await client.post("/graphql", json={"query": QUERY}) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 429]
    assert answers[0].json()["extensions"]["cost"]["remaining"] == 0
    assert 0 < int(answers[1].headers["retry-after"]) <= 3600
    [error] = answers[1].json()["errors"]
    checked(error)
    assert refusals() == before + 1


def refusals() -> float:
    name = "graphql_cost_budget_refusals_total"
    return REGISTRY.get_sample_value(name, {"viewer": "user"}) or 0


@asynccontextmanager
async def talking(address: str, authorization: str) -> AsyncGenerator[Callable[..., Any]]:
    """Says something over a WebSocket, if anything, and returns what is said next."""
    protocols = [Subprotocol(PROTOCOL)]
    async with open_socket(f"ws://{address}/graphql", subprotocols=protocols) as socket:

        async def talk(type: str | None = None, **more: object) -> Told:
            if type:
                await socket.send(json.dumps({"type": type, **more}))
            async with asyncio.timeout(5):
                return json.loads(await socket.recv())

        await talk("connection_init", payload={"authorization": authorization})
        yield talk


async def test_over_websocket_a_spent_budget_is_an_error_of_the_operation(
    address: str, authorization: str
) -> None:
    async with talking(address, authorization) as talk:
        first = await talk("subscribe", id="1", payload={"query": QUERY})
        assert (await talk())["type"] == "complete"
        second = await talk("subscribe", id="2", payload={"query": QUERY})

    assert first["payload"]["extensions"]["cost"]["requested"] == COST
    assert second["type"] == "error"
    [error] = second["payload"]
    checked(error)


async def test_the_start_of_a_subscription_is_counted_and_its_first_result_tells(
    platform: Platform, authorization: str
) -> None:
    given = {"id": write_global_id("Workspace", (sample.of("workspace 1"),))}
    payload = {"query": CHANGES, "variables": given}
    async with (
        served(platform, 1_000) as address,
        talking(address, authorization) as talk,
    ):
        first = await talk("subscribe", id="1", payload=payload)
        await platform.running()
        second = await talk()
        other = await talk("subscribe", id="2", payload=payload)

    cost = first["payload"]["extensions"]["cost"]
    assert (first["type"], second["type"]) == ("next", "next")
    assert list(second["payload"]) == ["data"]
    assert other["payload"]["extensions"]["cost"]["remaining"] == 1_000 - 2 * cost["requested"]


async def test_a_subscription_over_budget_does_not_start(
    platform: Platform, address: str, authorization: str
) -> None:
    given = {"id": write_global_id("Workspace", (sample.of("workspace 1"),))}
    payload = {"query": CHANGES, "variables": given}
    async with talking(address, authorization) as talk:
        await talk("subscribe", id="1", payload={"query": QUERY})
        assert (await talk())["type"] == "complete"
        refused = await talk("subscribe", id="2", payload=payload)

    assert refused["type"] == "error"
    assert refused["payload"][0]["extensions"]["code"] == "COST_BUDGET_EXCEEDED"


async def test_over_events_a_spent_budget_is_told_in_the_stream(
    address: str, authorization: str
) -> None:
    headers = {"Authorization": authorization, "Accept": "text/event-stream"}
    async with httpx.AsyncClient(base_url=f"http://{address}", headers=headers) as client:
        texts = [(await client.post("/graphql", json={"query": QUERY})).text for _ in range(2)]

    first, second = [json.loads(text.partition("data: ")[2].partition("\n")[0]) for text in texts]
    assert first["extensions"]["cost"]["requested"] == COST
    [error] = second["errors"]
    checked(error)
