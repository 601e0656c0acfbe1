"""The pages of the ground floor: people, members, mandates, tokens and settings; one file per noun.

A page reads, calls one verb, and leads on. It must never hold a rule.
"""

from typing import Final

from litestar.types import ControllerRouterHandler

from tenants.pages import (
    account,
    invitations,
    joining,
    landing,
    mandates,
    members,
    profile,
    settings,
    sign_in,
    tokens,
)

PAGES: Final[tuple[ControllerRouterHandler, ...]] = (
    landing.landing,
    sign_in.sign_in_page,
    sign_in.sign_in,
    sign_in.link_sent,
    sign_in.link_page,
    sign_in.press_link,
    sign_in.sign_out,
    joining.join_page,
    joining.join,
    account.account,
    account.choose_language,
    account.set_password,
    account.ask_email_change,
    account.revoke,
    members.members_page,
    members.members_csv,
    members.member_page,
    members.suspend,
    members.reinstate,
    profile.profile,
    profile.change,
    profile.leave_page,
    profile.leave,
    tokens.tokens_page,
    tokens.create,
    tokens.revoke,
    invitations.invitations_page,
    invitations.invite,
    invitations.resend,
    invitations.withdraw,
    mandates.mandates_page,
    mandates.give,
    mandates.end,
    settings.settings_page,
    settings.change,
)
