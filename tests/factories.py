"""Factories: a cooperative with people in it, made through the verbs, so that no test starts from the impossible.

Each test founds its own cooperative and commits for real. This file must never write a row by itself.
"""

import itertools
import secrets
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

# Declared before any founding act, which fixes every rule.
import governance.college_weights
import governance.proposal_rules
import governance.vote_rules  # noqa: F401
import marketplace.rules  # noqa: F401
import tenants.house_rules  # noqa: F401
import timebank.rules  # noqa: F401
from tenants.actors import Actor, Role
from tenants.cooperatives import LegalProfile
from tenants.founding import found_cooperative as found
from tenants.invitations import Invitation, invite_member, stamp_invitation
from tenants.joining import accept_invitation
from tenants.mandates import give_mandate as give
from tenants.platform.database import Database
from tenants.platform.ids import CooperativeId, MembershipId, PersonId
from tenants.sign_ins import SignInMethod, open_sign_in
from tenants.tokens import create_api_token

PASSWORD = "une phrase pour les essais"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Member:
    """Somebody who joined. ``token`` is the cookie with which they are signed in."""

    tenant_id: CooperativeId
    slug: str
    id: MembershipId
    person_id: PersonId
    name: str
    email: str
    token: str
    roles: frozenset[Role] = frozenset()

    @property
    def actor(self) -> Actor:
        """This member at work, with the mandates they were given here."""
        return Actor(self.tenant_id, self.id, self.person_id, self.roles)


@dataclass(frozen=True)
class Founded:
    """A cooperative, with the manager who founded it."""

    tenant_id: CooperativeId
    slug: str
    manager: Member

    @property
    def system(self) -> Actor:
        """The software itself, at work in this cooperative."""
        return Actor.system(self.tenant_id)


async def found_cooperative(
    database: Database,
    *,
    name: str = "Les Ateliers du Vent",
    legal_profile: LegalProfile = LegalProfile.SCIC,
    territory: str = "29",
    rules: dict[str, Any] | None = None,
    password: str | None = None,
) -> Founded:
    """Found a cooperative of its own slug, whose founder has accepted their invitation."""
    slug = f"coop-{next(_numbers)}-{secrets.token_hex(4)}"
    email = f"fondatrice@{slug}.example"
    async with database.begin() as db:
        cooperative, invitation = await found(
            db,
            slug=slug,
            name=name,
            legal_profile=legal_profile,
            territory=territory,
            founder_name="Fanny Fondatrice",
            founder_email=email,
            rules=rules,
        )
        manager = await _join(db, invitation, slug, "Fanny Fondatrice", email, password)
    manager = replace(manager, roles=frozenset({Role.MANAGER}))
    return Founded(cooperative.tenant_id, slug, manager)


async def join_member(
    database: Database,
    cooperative: Founded,
    *,
    name: str | None = None,
    email: str | None = None,
    password: str | None = None,
) -> Member:
    """Have the manager invite somebody, who accepts from their mailbox."""
    number = next(_numbers)
    name = name or f"Membre {number}"
    email = email or f"membre-{number}@{cooperative.slug}.example"
    async with database.begin(tenant=cooperative.tenant_id) as db:
        invitation = await invite_member(db, actor=cooperative.manager.actor, email=email, display_name=name)
        return await _join(db, invitation, cooperative.slug, name, email, password)


async def _join(
    db: AsyncSession, invitation: Invitation, slug: str, name: str, email: str, password: str | None
) -> Member:
    """Accept at once, in the transaction that invites: a worker that runs beside finds nothing left to mail."""
    token = await stamp_invitation(db, tenant_id=invitation.tenant_id, invitation_id=invitation.id)
    assert token is not None
    joined = await accept_invitation(db, token=token, person_id=None, display_name=name, password=password)
    assert joined.opened is not None
    return Member(
        joined.tenant_id, slug, joined.membership_id, joined.person_id, name, email, joined.opened.token
    )


async def give_mandate(
    database: Database, cooperative: Founded, member: Member, role: Role, *, days: int = 365
) -> Member:
    """Have the manager give a mandate; returns the member as they are with it."""
    until = date.today() + timedelta(days=days)  # noqa: DTZ011 (any day far enough)
    async with database.begin(tenant=cooperative.tenant_id) as db:
        await give(db, actor=cooperative.manager.actor, membership_id=member.id, role=role, until=until)
    return replace(member, roles=member.roles | {role})


async def sign_in(database: Database, member: Member) -> str:
    """Open another sign-in of this member and return its cookie."""
    async with database.begin(person=member.person_id) as db:
        return (await open_sign_in(db, person_id=member.person_id, method=SignInMethod.MAIL_LINK)).token


async def api_token(database: Database, member: Member, *scopes: str, days: int = 30) -> str:
    """Make an API token of this member and return its secret."""
    async with database.begin(tenant=member.tenant_id, person=member.person_id) as db:
        _token, secret = await create_api_token(
            db, actor=member.actor, name="essai", scopes=scopes, days=days
        )
    return secret
