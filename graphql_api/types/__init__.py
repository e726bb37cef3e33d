"""One file a noun, each reading like the SDL that it produces.

Nouns refer to each other in circles, so each names the others under TYPE_CHECKING only, and here
they are introduced to one another.
"""

from graphql_api.types import (
    api_keys,
    audit,
    deleted_workflows,
    deployment_events,
    deployment_tools,
    deployments,
    executions,
    integrations,
    invitations,
    logs,
    members,
    ownership,
    plans,
    sessions,
    statistics,
    timeline,
    usage,
    users,
    versions,
    viewers,
    webhooks,
    workflows,
    workspaces,
)

_modules = (
    api_keys,
    audit,
    deleted_workflows,
    deployment_events,
    deployment_tools,
    deployments,
    executions,
    integrations,
    invitations,
    logs,
    members,
    ownership,
    plans,
    sessions,
    statistics,
    timeline,
    usage,
    users,
    versions,
    viewers,
    webhooks,
    workflows,
    workspaces,
)
_names = {
    name: value
    for module in _modules
    for name, value in vars(module).items()
    if name[0].isupper() and name != "TYPE_CHECKING"
}
for _module in _modules:
    for _name, _value in _names.items():
        vars(_module).setdefault(_name, _value)
