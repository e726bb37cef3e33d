"""Who may do what: the right of every mutation, written down once, a file a noun.

Every cell of the table is tried by ``test_rights.py``; ``docs/permissions.md`` is made of the same
table by ``python -m tests.graphql_api.rights``.
"""

from tests.graphql_api.rights import (
    accounts,
    deployments,
    executions,
    integrations,
    webhooks,
    workflows,
    workspaces,
)
from tests.graphql_api.rights.table import Right

RIGHTS: dict[str, Right] = {
    **accounts.RIGHTS,
    **workflows.RIGHTS,
    **deployments.RIGHTS,
    **integrations.RIGHTS,
    **executions.RIGHTS,
    **webhooks.RIGHTS,
    **workspaces.RIGHTS,  # last: they make everybody the owner of something
}
