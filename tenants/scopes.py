"""Scopes: what may be decided, as names that a circle's perimeter can hold.

``rule:timebank.credit_limit_low`` is the right to change that rule, ``fund:pot`` the right to spend from that fund.
Every declared rule is a scope by itself; a floor declares its own funds at import. This file must never know who
decides: that is in ``governance``.
"""

from collections.abc import Iterator
from typing import Final

from tenants.platform.errors import Refusal
from tenants.platform.words import FLOORS, N_, _
from tenants.rules import RULES

RULE: Final = "rule:"
FUND: Final = "fund:"
FUNDS: Final[dict[str, str]] = {}


class UnknownDecision(Refusal):
    """Nothing that may be decided has this name."""

    status = 422
    code = "unknown_decision"
    message = N_("Rien de ce nom ne peut être décidé ici : {scope}.")
    default_field = "scopes"


def declare_fund(name: str, title: str) -> None:
    """Make a fund known, at import; ``title`` is French, marked by ``N_``."""
    known = FUNDS.setdefault(name, title)
    assert known == title, f"the fund {name} is declared twice"


def rule_scope(rule: str) -> str:
    """The right to change this rule."""
    return f"{RULE}{rule}"


def fund_scope(fund: str) -> str:
    """The right to spend from this fund."""
    return f"{FUND}{fund}"


def scopes() -> Iterator[str]:
    """Every scope there is: the funds, then the rules, from the ground floor up, as each floor declares them."""
    yield from map(fund_scope, FUNDS)
    yield from map(rule_scope, sorted(RULES, key=lambda name: FLOORS.index(name.partition(".")[0])))


def check_scope(scope: str) -> str:
    """The scope itself. Raises UnknownDecision."""
    if scope.removeprefix(RULE) in RULES and scope.startswith(RULE):
        return scope
    if scope.removeprefix(FUND) in FUNDS and scope.startswith(FUND):
        return scope
    raise UnknownDecision(scope=scope)


def title_of(scope: str) -> str:
    """What may be decided, in the reader's language; the scope's own name if no floor knows it any more."""
    if scope.startswith(FUND):
        return _(FUNDS[scope.removeprefix(FUND)]) if scope.removeprefix(FUND) in FUNDS else scope
    rule = RULES.get(scope.removeprefix(RULE))
    return _(rule.title) if rule else scope
