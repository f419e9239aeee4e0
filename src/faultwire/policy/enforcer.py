"""Policy decided: the defaults, a file over them, and answers remembered."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from oslo_config import cfg
from oslo_policy import policy

from faultwire.domain.accounts import Caller
from faultwire.domain.errors import Broken, Forbidden, Invalid
from faultwire.domain.ids import ProjectId
from faultwire.policy import alarming, compute, database, fault, identity, image, network
from faultwire.policy.rule import Rule

RULES: tuple[Rule, ...] = (
    *identity.RULES,
    *fault.RULES,
    *alarming.RULES,
    *compute.RULES,
    *image.RULES,
    *network.RULES,
    *database.RULES,
)
"""Every rule that a face may ask."""

REMEMBERED = 10_000
_REMOTE = re.compile(r"\bhttps?:")
NOBODYS_PROJECT = "\x00"
"""A target that no caller's project equals."""


class PolicyEnforcer:
    """Implements `ports.Enforcer`; belongs to the event loop.

    oslo.policy takes a tenth of a millisecond for a rule, so answers are remembered. The default
    rules know roles and whether the project is the caller's: answers are kept by these. A policy
    file may name users and projects: then they are kept by caller and project.
    """

    def __init__(
        self, rules: Iterable[Rule] = RULES, overrides: Mapping[str, str] | None = None
    ) -> None:
        """Take the rules and what a policy file puts in the place of some of them.

        Raises Invalid naming an override that no rule has or whose check cannot be read.
        """
        checks = {rule.name: rule.check for rule in rules}
        for name, check in (overrides or {}).items():
            if name not in checks:
                raise Invalid(f"policy.{name}", "no such rule")
            checks[name] = check
        self._personal = bool(overrides)
        self._names = frozenset(checks)
        self._answers: dict[tuple[object, ...], bool] = {}
        self._enforcer = policy.Enforcer(cfg.ConfigOpts(), use_conf=False)
        self._enforcer.set_rules(_parsed(checks), overwrite=True, use_conf=False)
        try:
            self._enforcer.check_rules(raise_on_violation=True)
        except policy.InvalidDefinitionError as error:
            raise Invalid("policy", str(error)) from None

    def allowed(self, rule: str, caller: Caller, project: ProjectId | None = None) -> bool:
        """Return whether a caller may do what the rule names to something of that project.

        Without a project only the caller's roles count. Raises Broken for a rule that is not
        in the tables.
        """
        own = bool(project) and project == caller.project
        key: tuple[object, ...] = (rule, caller.roles, own)
        if self._personal:
            key = (rule, caller.roles, caller.more_roles, caller.user, caller.project, project)
        answer = self._answers.get(key)
        if answer is None:
            answer = self._asked(rule, caller, project if own or self._personal else None)
            if len(self._answers) >= REMEMBERED:
                self._answers.clear()
            self._answers[key] = answer
        return answer

    def enforce(self, rule: str, caller: Caller, project: ProjectId | None = None) -> None:
        """Raise Forbidden, naming the rule, unless it is allowed."""
        if not self.allowed(rule, caller, project):
            raise Forbidden(f"You are not authorized to perform the requested action: {rule}.")

    def _asked(self, rule: str, caller: Caller, project: ProjectId | None) -> bool:
        if rule not in self._names:
            raise Broken(f"no rule is named {rule}")
        creds: dict[str, Any] = {
            "roles": [*(role.value for role in caller.roles), *caller.more_roles],
            "user_id": caller.user,
            "project_id": caller.project,
        }
        target = {"project_id": project or NOBODYS_PROJECT}
        return bool(self._enforcer.enforce(rule, target, creds))


def read_overrides(path: Path) -> dict[str, str]:
    """Return the rules of a policy file: a YAML mapping of names to checks.

    Raises Invalid naming the file, and the rule where one is wrong.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise Invalid(str(path), str(error)) from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise Invalid(str(path), "a policy file is a mapping of rules to checks")
    for name, check in document.items():
        if not isinstance(name, str) or not isinstance(check, str):
            raise Invalid(f"{path}: {name}", "a rule and its check are text")
    return document


def _parsed(checks: Mapping[str, str]) -> policy.Rules:
    for name, text in checks.items():
        if _REMOTE.search(text):
            raise Invalid(f"policy.{name}", "a check may not ask another server: it would wait")
    rules = policy.Rules.from_dict(dict(checks))
    for name, text in checks.items():
        # What cannot be read becomes a check that is never true: said at start, not found out.
        if str(rules[name]) == "!" and text.strip() != "!":
            raise Invalid(f"policy.{name}", f"cannot be read: {text!r}")
    return rules


def documented() -> list[policy.RuleDefault]:
    """Return the rules in the form of oslo.policy's generators of samples and documentation."""
    return [_documented(rule) for rule in RULES]


def _documented(rule: Rule) -> policy.RuleDefault:
    if not rule.calls:
        return policy.RuleDefault(rule.name, rule.check, rule.about)
    operations: list[Any] = [
        {"method": method.split("|"), "path": path} for method, path in rule.calls
    ]
    return policy.DocumentedRuleDefault(rule.name, rule.check, rule.about, operations)
