"""The rules in the JSON API: the same words and values as on the page, for anyone."""

from litestar.di import NamedDependency
from litestar.params import FromPath

from tenants.platform.web import Page, api_get
from tenants.rules_shown import RuleHistory, RuleShown, shown_history, shown_rules
from tenants.visit import Visit


@api_get("/{cooperative:str}/rules", operation_id="rules", summary="Read the rules in force", public=True)
async def rules(visit: NamedDependency[Visit]) -> Page[RuleShown]:
    """Read every rule: its words, value, bounds, source and next version."""
    found = await shown_rules(visit.db, tenant_id=visit.here.tenant_id, profile=visit.here.legal_profile)
    return Page(items=list(found))


@api_get(
    "/{cooperative:str}/rules/{name:str}",
    operation_id="rule_history",
    summary="Read a rule and its history",
    public=True,
)
async def rule_history(visit: NamedDependency[Visit], name: FromPath[str]) -> RuleHistory:
    """Read one rule with every version, the newest (or farthest ahead) first."""
    return await shown_history(
        visit.db, tenant_id=visit.here.tenant_id, profile=visit.here.legal_profile, name=name
    )
