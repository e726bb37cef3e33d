"""The operations in the client guide do what the guide says."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests import sample
from tests.graph import global_id
from tests.graphql_api.asking import Asking

GUIDE = sorted((Path(__file__).parents[2] / "docs/clients").glob("*.md"))
OPERATIONS = {
    name: text
    for page in GUIDE
    for text, name in re.findall(
        r"```graphql\n((?:query|mutation|subscription) (\w+).*?)```", page.read_text(), re.DOTALL
    )
}
WORKFLOW = global_id("Workflow", {"id": sample.of("workflow 1 1")})
VARIABLES: dict[str, dict[str, Any]] = {
    "Again": {"id": WORKFLOW, "ids": [WORKFLOW]},
    "Page": {},
    "Failing": {},
    "Numbers": {"id": WORKFLOW},
    "Usage": {"id": global_id("Workspace", {"id": sample.of("workspace 1")})},
    "Why": {"workspace": global_id("Workspace", {"id": sample.of("workspace 1")})},
}


@pytest.mark.parametrize("name", VARIABLES)
async def test_an_example_of_reading_is_answered_by_a_plan(compiled: Asking, name: str) -> None:
    data = await compiled(OPERATIONS[name], **VARIABLES[name])

    assert None not in data.values()


async def test_a_page_goes_on_where_the_one_before_ended(compiled: Asking) -> None:
    first = (await compiled(OPERATIONS["Page"]))["workflows"]
    after = first["pageInfo"]["endCursor"]

    second = (await compiled(OPERATIONS["Page"], after=after))["workflows"]

    both = await compiled("{ workflows(first: 4, orderBy: NAME) { nodes { name } } }")
    assert first["nodes"] + second["nodes"] == both["workflows"]["nodes"]


async def test_the_example_of_signing_in_refuses_whom_nobody_knows(loaders: Asking) -> None:
    data = await loaders(OPERATIONS["SignIn"], email="nobody@example.org", password="wrong word")

    assert data["signIn"]["errors"][0]["code"] == "INVALID_CREDENTIALS"
