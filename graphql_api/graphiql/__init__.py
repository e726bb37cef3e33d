"""GraphiQL, built from ``src/`` into ``dist/`` and served from here, with no help of other hosts."""

from graphql_api.graphiql.pages import DemoSignIn, routes

__all__ = ["DemoSignIn", "routes"]
