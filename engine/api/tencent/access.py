"""Which templates a key with domains of its own may see and change. Pure.

A template belongs to no domain, its rules do. Who has nothing to do with any of a template's rules does not
see it; who changes it changes what all of its rules mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from engine.api.dialect import Caller


class Rule(Protocol):
    """What binds a template to a domain."""

    @property
    def domain(self) -> str:
        """The push domain."""

    @property
    def template_id(self) -> int:
        """The template."""


def may_see(caller: Caller, template_id: int, rules: Iterable[Rule]) -> bool:
    """Whether the template is bound to nothing, or to one of the caller's domains."""
    domains = _domains(template_id, rules)
    return not domains or any(map(caller.may, domains))


def check_change(caller: Caller, template_id: int, rules: Iterable[Rule]) -> None:
    """Raises:
    ApiFault: the template is bound to a domain that is not the caller's.
    """
    for domain in _domains(template_id, rules):
        caller.check_domain(domain)


def _domains(template_id: int, rules: Iterable[Rule]) -> Sequence[str]:
    return [rule.domain for rule in rules if rule.template_id == template_id]
