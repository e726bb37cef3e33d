"""GraphiQL, built from ``src/`` into ``dist/`` and served from here with no other host."""

from graphql_api.graphiql.pages import DemoSignIn, routes

__all__ = ["DemoSignIn", "routes"]
