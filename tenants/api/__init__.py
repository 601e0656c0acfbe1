"""The JSON API of the ground floor: one operation per verb, named after it.

An operation reads, calls one verb, and answers. It must never hold a rule.
"""

from typing import Final

from litestar.types import ControllerRouterHandler

from tenants.api import (
    account,
    assemblies,
    assembly_records,
    audit,
    cooperatives,
    invitations,
    mandates,
    members,
    notices,
    register,
    rules,
    tokens,
)

API: Final[tuple[ControllerRouterHandler, ...]] = (
    account.my_account,
    account.my_sign_ins,
    account.revoke_sign_in,
    account.change_password,
    account.request_email_change,
    account.change_locale,
    cooperatives.cooperative,
    cooperatives.change_settings,
    members.me,
    members.members,
    members.member,
    members.change_profile,
    members.leave_cooperative,
    members.suspend_member,
    members.reinstate_member,
    invitations.pending_invitations,
    invitations.invite_member,
    invitations.resend_invitation,
    invitations.withdraw_invitation,
    mandates.mandates,
    mandates.mandates_ending,
    mandates.give_mandate,
    mandates.end_mandate,
    tokens.api_tokens,
    tokens.create_api_token,
    tokens.revoke_api_token,
    rules.rules,
    rules.rule_history,
    assemblies.assemblies,
    assemblies.assemblies_to_sign,
    assemblies.assembly,
    assemblies.record_assembly,
    assembly_records.correct_assembly,
    assembly_records.add_resolution,
    assembly_records.remove_resolution,
    assemblies.sign_assembly,
    assemblies.withdraw_assembly,
    register.register,
    notices.notices,
    notices.read_notice,
    notices.read_all_notices,
    audit.audit_entries,
)
