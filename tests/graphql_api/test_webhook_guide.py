"""What the client guide says of integrations and webhooks is so: its examples are run."""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from graphql import parse, validate

from graphql_api.schema import schema
from resolvers.probes import KINDS, PROBES
from resolvers.signing import new_secret, signatures

CLIENTS = Path(__file__).parents[2] / "docs/clients"
INTEGRATIONS = (CLIENTS / "changing.md").read_text("utf-8").partition("\n## Integrations\n")[2]
WEBHOOKS = (CLIENTS / "webhooks.md").read_text("utf-8")
SECTION = INTEGRATIONS + WEBHOOKS

Data = dict[str, Any]
Verify = Callable[[str, Data, bytes], bool]

SECRET = new_secret()
BODY = '{"type": "ping", "data": {"name": "Müller"}}'


def example(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", WEBHOOKS, re.DOTALL)
    return found


def in_python(secret: str, headers: Data, body: bytes) -> bool:
    names: Data = {}
    exec(example("python"), names)  # noqa: S102
    return names["is_from_the_platform"](secret, headers, body)


def in_javascript(secret: str, headers: Data, body: bytes) -> bool:
    asked = [secret, headers, body.decode()]
    script = f"""{example("js")}
        const [secret, headers, body] = {json.dumps(asked)};
        console.log(isFromThePlatform(secret, headers, Buffer.from(body)));
    """
    command = ["node", "--input-type=module", "--eval", script]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    return json.loads(ran.stdout)


VERIFIES = [
    pytest.param(in_python, id="python"),
    pytest.param(
        in_javascript,
        id="javascript",
        marks=pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed"),
    ),
]


def headers(*secrets: str, age: int = 0) -> Data:
    moment = int(time.time()) - age
    return {
        "webhook-id": "0193",
        "webhook-timestamp": str(moment),
        "webhook-signature": signatures(secrets, "0193", moment, BODY),
    }


@pytest.mark.parametrize("verify", VERIFIES)
def test_what_is_signed_is_taken(verify: Verify) -> None:
    assert verify(SECRET, headers(SECRET), BODY.encode())
    assert verify(SECRET, headers(new_secret(), SECRET), BODY.encode())


@pytest.mark.parametrize("verify", VERIFIES)
def test_what_is_signed_otherwise_or_too_old_is_refused(verify: Verify) -> None:
    body = BODY.encode()

    assert not verify(new_secret(), headers(SECRET), body)
    assert not verify(SECRET, headers(SECRET), body + b" ")
    assert not verify(SECRET, headers(SECRET, age=301), body)
    assert not verify(SECRET, headers(SECRET) | {"webhook-id": "0194"}, body)
    assert not verify(SECRET, headers(SECRET) | {"webhook-signature": "v1,"}, body)


def test_the_operations_of_the_guide_are_valid() -> None:
    documents = re.findall(r"```graphql\n(.*?)```", SECTION, re.DOTALL)
    core = schema._schema  # pyright: ignore[reportPrivateUsage]

    assert len(documents) == 2
    assert [validate(core, parse(document)) for document in documents] == [[], []]


def test_the_guide_names_what_is_known() -> None:
    for name in (*KINDS, *PROBES):
        assert f"`{name}`" in SECTION
