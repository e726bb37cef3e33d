"""Sign-in at the door: what a request shows of itself, turned into who asks."""

from graphql_api.auth.asker import Allowance, KeyAsker, asker_of, shown_by

__all__ = ["Allowance", "KeyAsker", "asker_of", "shown_by"]
