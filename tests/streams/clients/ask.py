"""Asks by gql what it is told to, a line of JSON each way.

{"query", "variables", "token"} in, {"data"} or {"fault"} out::

    python ask.py ADDRESS
"""

import json
import sys
from typing import Any

from gql import Client, GraphQLRequest
from gql.transport.exceptions import TransportQueryError
from gql.transport.httpx import HTTPXTransport


def answer(address: str, asked: dict[str, Any]) -> dict[str, Any]:
    token = asked["token"]
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    client = Client(transport=HTTPXTransport(url=f"http://{address}/graphql", headers=headers))
    request = GraphQLRequest(asked["query"], variable_values=asked["variables"])
    try:
        return {"data": client.execute(request)}
    except TransportQueryError as fault:
        return {"fault": str(fault)}


if __name__ == "__main__":
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(sys.argv[1], json.loads(line))) + "\n")
        sys.stdout.flush()
