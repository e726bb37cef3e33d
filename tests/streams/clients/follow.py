"""Follows the log of an execution to its end with gql, as ``follow.mjs`` does with others.

python follow.py ADDRESS TOKEN EXECUTION
"""
# gql is installed only where it is to be tested
# pyright: reportMissingImports=false, reportUnknownVariableType=false
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false

import asyncio
import json
import sys

from gql import Client, GraphQLRequest
from gql.transport.exceptions import TransportError
from gql.transport.websockets import WebsocketsTransport

QUERY = """
subscription ($id: ID!, $after: String) {
  executionLogs(executionId: $id, after: $after) { lines { seq } cursor ended }
}
"""


async def follow(address: str, token: str, execution: str) -> None:
    after: str | None
    ended: str | None
    after, ended, cuts = None, None, 0
    while ended is None:
        transport = WebsocketsTransport(
            f"ws://{address}/graphql",
            init_payload={"authorization": f"Bearer {token}"},
            subprotocols=[WebsocketsTransport.GRAPHQLWS_SUBPROTOCOL],
        )
        try:
            async with Client(transport=transport) as session:
                asked = GraphQLRequest(QUERY, variable_values={"id": execution, "after": after})
                async for result in session.subscribe(asked):
                    batch = result["executionLogs"]
                    after, ended = batch["cursor"], batch["ended"]
                    told = {"seen": [line["seq"] for line in batch["lines"]], "ended": ended}
                    sys.stdout.write(json.dumps(told) + "\n")
                    sys.stdout.flush()
        except (OSError, TransportError):
            cuts += 1
            if cuts > 50:
                raise


asyncio.run(follow(*sys.argv[1:4]))
