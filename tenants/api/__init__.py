"""The JSON API of the ground floor: one operation per verb, named after it.

An operation reads, calls one verb, and answers. It must never hold a rule.
"""

from typing import Final

from litestar.types import ControllerRouterHandler

from tenants.api import assemblies, audit, notices, register, rules

API: Final[tuple[ControllerRouterHandler, ...]] = (
    rules.rules,
    rules.rule_history,
    assemblies.assemblies,
    assemblies.assembly,
    assemblies.record_assembly,
    assemblies.sign_assembly,
    assemblies.withdraw_assembly,
    register.register,
    notices.notices,
    notices.read_notice,
    notices.read_all_notices,
    audit.audit_entries,
)
