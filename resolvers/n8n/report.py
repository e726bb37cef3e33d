"""What of an n8n workflow did not map, or may not work here as it did there."""

import re
from collections.abc import Iterator, Sequence

from resolvers.diagnostics import Findings, Path, quoted
from resolvers.exact_json import Json
from resolvers.n8n.form import NODE_KNOWN, NODE_MAPPED, WORKFLOW_LEFT, WORKFLOW_MAPPED, Step, shown
from resolvers.n8n.sources import Source

_CODE = frozenset(("jsCode", "functionCode", "pythonCode"))
_REFERENCE = re.compile(
    r"""
    (?: \$node\[\s* | \$items\(\s* | (?P<call> \$\(\s* ) )
    (?P<quote>["'`]) (?P<name> (?: \\. | (?!(?P=quote)) [^\\] ){1,500} ) (?P=quote)
    (?(call) \s*\)\s*\??\.\s*
        (?:item|itemMatching|pairedItem|first|last|all|params|context|isExecuted)\b )
    """,
    re.VERBOSE | re.DOTALL,
)


class Report:
    """Adds to the findings all that the author of the workflow should know."""

    def __init__(self, source: Source, findings: Findings) -> None:
        self._workflow, self._at, self._around = source
        self._findings = findings

    def steps(self, steps: Sequence[Step]) -> None:
        names = {step.name for step in steps}
        for step in steps:
            if step.node.get("disabled") is True:
                message = f"{quoted(step.name)} is disabled in n8n; its config says so."
                self._findings.warning("DISABLED_NODE", message, (step.at, "disabled"))
            for key in step.node:
                if key not in NODE_MAPPED | NODE_KNOWN:
                    message = f"n8n's {quoted(key)} is not known; it is kept in the config."
                    self._findings.info("KEPT_UNKNOWN", message, (step.at, key))
            self._report_credentials(step)
            self._report_called_workflow(step)
            self._report_references(step, names)

    def _report_credentials(self, step: Step) -> None:
        credentials = step.node.get("credentials")
        if not credentials:
            return
        at = (step.at, "credentials")
        if not isinstance(credentials, dict):
            self._findings.warning("CREDENTIALS_LEFT_OUT", "Credentials are left out.", at)
            return
        for type, reference in credentials.items():
            name = reference.get("name") if isinstance(reference, dict) else reference
            named = f" {quoted(name)}" if isinstance(name, str) else ""
            message = f"{quoted(step.name)} used credentials{named} of type {quoted(type)}."
            message += " They are left out; connect an integration."
            self._findings.warning("CREDENTIALS_LEFT_OUT", message, (at, type))

    def _report_called_workflow(self, step: Step) -> None:
        parameters = step.node.get("parameters")
        called = parameters.get("workflowId") if isinstance(parameters, dict) else None
        if isinstance(called, dict):
            called = called.get("value")
        if called and not str(called).startswith("="):
            message = f"{quoted(step.name)} calls another workflow of n8n, {shown(called)}."
            at = ((step.at, "parameters"), "workflowId")
            self._findings.warning("OTHER_WORKFLOW", message, at)

    def _report_references(self, step: Step, names: set[str]) -> None:
        at = (step.at, "parameters")
        for text, place in _expressions(step.node.get("parameters"), at, False):
            referred = (match["name"] for match in _REFERENCE.finditer(text))
            for name in dict.fromkeys(re.sub(r"\\(.)", r"\1", name) for name in referred):
                if name not in names and "${" not in name:
                    message = f"{quoted(step.name)} refers to {quoted(name)}; no node is named so."
                    self._findings.warning("UNKNOWN_REFERENCE", message, place)

    def workflow(self) -> None:
        if self._around:
            message = "The workflow is taken from here; what lies around it is left out."
            self._findings.info("LEFT_OUT", message, self._at)
        for key in ("name", "description"):
            if not isinstance(self._workflow.get(key, ""), str | None):
                message = f"The {key} is left out: it is not text."
                self._findings.warning("LEFT_OUT", message, (self._at, key))
        for key, value in self._workflow.items():
            at = (self._at, key)
            if value in (None, {}, [], ""):
                continue
            if key in WORKFLOW_LEFT:
                self._findings.info("LEFT_OUT", f"n8n's {quoted(key)} is left out.", at)
            elif key not in WORKFLOW_MAPPED and key != "settings":
                message = f"n8n's {quoted(key)} is not known; it is kept in the config."
                self._findings.info("KEPT_UNKNOWN", message, at)
        self._report_data()
        self._report_settings()

    def _report_data(self) -> None:
        pinned, at = self._workflow.get("pinData"), (self._at, "pinData")
        for name in pinned if isinstance(pinned, dict) else ():
            message = f"The data pinned to {quoted(name)} is left out."
            self._findings.warning("PINNED_DATA_LEFT_OUT", message, (at, name))
        if pinned and not isinstance(pinned, dict):
            self._findings.warning("PINNED_DATA_LEFT_OUT", "Pinned data is left out.", at)
        if self._workflow.get("staticData"):
            message = "What n8n remembers from run to run is left out; it begins anew."
            self._findings.warning("STATIC_DATA_LEFT_OUT", message, (self._at, "staticData"))
        if self._workflow.get("active"):
            message = "It is active in n8n; imported workflows begin as drafts."
            self._findings.info("NOT_ACTIVE", message, (self._at, "active"))

    def _report_settings(self) -> None:
        settings = self._workflow.get("settings")
        for key in ("errorWorkflow", "callerIds"):
            if isinstance(settings, dict) and settings.get(key):
                message = f"The setting {quoted(key)} means other workflows of n8n."
                at = ((self._at, "settings"), key)
                self._findings.warning("OTHER_WORKFLOW", message, at)


def _expressions(value: Json, at: Path, is_code: bool) -> Iterator[tuple[str, Path]]:
    """The texts that n8n evaluates: code, and what begins with an equals sign."""
    if isinstance(value, str):
        if "$" in value and (is_code or value.startswith("=")):
            yield value, at
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _expressions(item, (at, key), key in _CODE)
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from _expressions(item, (at, i), is_code)
