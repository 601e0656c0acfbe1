"""Everything a person can do is reachable: each verb has an operation of its name in the API, and a page that calls it.

A new verb is found without being named here. What is not for people is on a short list that argues each case.
"""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

import pytest
from litestar.routes import HTTPRoute

from marketplace.app import create_app
from tenants.platform.settings import Settings

ROOT = Path(__file__).parents[1]
FLOORS = ("tenants", "timebank", "governance", "marketplace")
# Not nouns of the trade: what shows them, what tells stories about them, and the cellar.
APART = {"api", "pages", "platform", "demo", "commands", "migrations", "templates"}

# Verbs with an actor that nobody calls by themselves, each with the reason.
NOT_FOR_PEOPLE = {
    "record": "the audit trail writes itself, with each verb that changes something",
    "audit_actions": "reading: the choices of a filter, which the trail itself shows to a program",
    "locked": "a step of the verbs that change minutes",
    "write_mandate": "a step of give_mandate and of founding",
    "end_delegations_of": "a step of `leave` and of `end_membership`",
    "leave_cooperative": "a step of `leave` and of `end_membership`, once the account is settled",
    "close_account": "a step of the same two",
    "lock_agreement": "a step of the verbs of an agreement",
    "lock_mission": "a step of the verbs of a mission",
    "post_linked": "a step of the verbs that move hours",
    "hold_hours": "accepting a bid holds the hours",
    "capture_hold": "confirming a delivery moves what was held",
    "release_hold": "an agreement that ends gives back what was held",
    "release_holds": "agreements that lapse give back what was held",
    "expire_holds": "the clock's",
    "expire_missions": "the clock's",
    "lapse_holds": "the clock's",
    "expire_amendments": "the clock's",
    "remind_of_holds": "the clock's",
    "settle_silent_deliveries": "the clock's",
    "open_request": "a step of the verbs that end a request to the pot",
    "standings": "reading: what the gate of profiles asks; `member` and `members` pass through it",
    "visible_profiles": "reading: the gate of profiles; `member` and `members` pass through it",
    "standing": "reading: part of `hours`",
    "pot_balance": "reading: part of `pot`",
    "live_pot_balance": "reading: part of `pot`",
    "awaits_answer": "reading: part of the page of a member whom nobody has claimed",
    "where_it_stands": "reading: where answering or reporting a review leads back to",
    "circulation": "reading: sums over `member_balances`, on the treasury page",
    "unread_notices": "reading: the number beside the menu; `notices` has `unread`",
}
# Operations that read under a name shorter than the question's.
READ_AS = {"mandates_in_force": "mandates", "proposal_sheet": "proposal"}


@dataclass(frozen=True)
class Verb:
    """One verb of the trade and the module it lives in."""

    module: str
    name: str


def verbs() -> Iterator[Verb]:
    """Every public coroutine of the noun modules that takes an ``actor`` by keyword."""
    for floor in FLOORS:
        for path in sorted((ROOT / floor).rglob("*.py")):
            inside = path.relative_to(ROOT)
            if APART & {part.removesuffix(".py") for part in inside.parts}:
                continue
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if (
                    isinstance(node, ast.AsyncFunctionDef)
                    and not node.name.startswith("_")
                    and "actor" in {one.arg for one in node.args.kwonlyargs}
                ):
                    yield Verb(".".join(inside.with_suffix("").parts), node.name)


VERBS = [one for one in verbs() if one.name not in NOT_FOR_PEOPLE]


@dataclass(frozen=True)
class Mounted:
    """What the application answers: the operations' names, and every function that its pages run."""

    operations: frozenset[str]
    run_by_pages: frozenset[object]


@cache
def mounted(settings: Settings) -> Mounted:
    operations, pages = set(), set()
    for route in create_app(settings).routes:
        if not isinstance(route, HTTPRoute):
            continue
        for handler in route.route_handlers:
            if route.path.startswith("/api/"):
                operations.add(str(handler.operation_id))
            elif isinstance(handler.fn, FunctionType):
                pages.add(handler.fn)
    return Mounted(frozenset(operations), frozenset(everything_run(pages)))


def everything_run(begin: Iterable[FunctionType]) -> set[object]:
    """The functions themselves, and those of this project that they name, as far as pages go."""
    found: set[object] = set()
    ahead = list(begin)
    while ahead:
        function = ahead.pop()
        if function in found:
            continue
        found.add(function)
        if ".pages" in function.__module__:
            ahead += named_in(function)
    return found


def named_in(function: FunctionType) -> Iterator[FunctionType]:
    """The functions that a function names: ``verb(...)`` or ``module.verb(...)``."""
    names = names_of(function.__code__)
    for name in names:
        match function.__globals__.get(name):
            case FunctionType() as other:
                yield other
            case ModuleType() as module:
                yield from (one for one in map(vars(module).get, names) if isinstance(one, FunctionType))
            case _:
                pass


def names_of(code: CodeType) -> set[str]:
    """The names in a function's code and in that of the functions inside it."""
    inside = [names_of(const) for const in code.co_consts if isinstance(const, CodeType)]
    return set(code.co_names).union(*inside)


def test_what_is_not_for_people_is_a_verb_and_no_operation(settings: Settings) -> None:
    assert set(NOT_FOR_PEOPLE) <= {one.name for one in verbs()}
    assert not set(NOT_FOR_PEOPLE) & mounted(settings).operations


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: f"{verb.module}.{verb.name}")
def test_every_verb_is_an_operation_of_its_name_and_on_a_page(verb: Verb, settings: Settings) -> None:
    here = mounted(settings)
    assert READ_AS.get(verb.name, verb.name) in here.operations
    assert getattr(import_module(verb.module), verb.name) in here.run_by_pages


def test_a_verb_that_no_page_runs_would_be_noticed(settings: Settings) -> None:
    pages = mounted(settings).run_by_pages
    assert import_module("timebank.ledger.holds").expire_holds not in pages
