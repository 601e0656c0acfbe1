"""The rules in plain words, and where each comes from: open to anyone, with or without an account."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from tenants.platform.web import csv_response
from tenants.platform.words import _, local
from tenants.rules_shown import shown_history, shown_rules
from tenants.visit import Visit


class Panel(NamedTuple):
    """What a floor above adds to the page of a rule: a template, and the facts that it shows."""

    template: str
    facts: Any


PANELS: Final[list[Callable[[Visit, str], Awaitable[Panel | None]]]] = []


def declare_rule_panel(panel: Callable[[Visit, str], Awaitable[Panel | None]]) -> None:
    """Add a panel to the page of every rule, at import; it is asked with the visit and the rule's name."""
    if panel not in PANELS:
        PANELS.append(panel)


@get("/{cooperative:str}/rules", include_in_schema=False)
async def rules_page(visit: NamedDependency[Visit]) -> Response[str]:
    """Show every rule with its value, since when, and by which decision."""
    rules = await shown_rules(visit.db, tenant_id=visit.here.tenant_id, profile=visit.here.legal_profile)
    return visit.page("tenants/rules.html", rules=rules)


@get("/{cooperative:str}/rules.csv", include_in_schema=False)
async def rules_csv(visit: NamedDependency[Visit]) -> Response[bytes]:
    """Download every rule with its value in words, since when, and the line of the register that says so."""
    rules = await shown_rules(visit.db, tenant_id=visit.here.tenant_id, profile=visit.here.legal_profile)
    header = [_("Règle"), _("Valeur"), _("Depuis"), _("Ligne du registre"), _("À venir"), _("Nom")]
    rows = [
        (
            rule.title,
            rule.in_force.said if rule.in_force else "",
            local(rule.in_force.since).date().isoformat() if rule.in_force else "",
            rule.in_force.register_seq if rule.in_force else None,
            f"{rule.coming.said} ({local(rule.coming.since).date().isoformat()})" if rule.coming else "",
            rule.name,
        )
        for rule in rules
    ]
    return csv_response(f"{visit.slug}-regles.csv", header, rows)


@get("/{cooperative:str}/rules/{name:str}", include_in_schema=False)
async def rule_page(visit: NamedDependency[Visit], name: FromPath[str]) -> Response[str]:
    """Show one rule and its history."""
    return await show_rule(visit, name)


async def show_rule(visit: Visit, name: str) -> Response[str]:
    """Show one rule, its history, and what the floors above say of it."""
    history = await shown_history(
        visit.db, tenant_id=visit.here.tenant_id, profile=visit.here.legal_profile, name=name
    )
    panels = [await panel(visit, name) for panel in PANELS]
    return visit.page(
        "tenants/rule.html",
        history=history,
        rule=history.rule,
        panels=[panel for panel in panels if panel is not None],
    )
