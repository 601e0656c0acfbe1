"""A village in which somebody acts for somebody else: Renée has no computer, Denis is her delegate.

Everything is made through the verbs. This file must never write a row by itself.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from tenants.actors import Role
from tenants.delegating import approve_delegation, propose_delegation
from tenants.delegations import Act, Delegation
from tenants.memberships import Membership
from tenants.offline_members import admit_offline_member
from tenants.platform.database import Database
from tenants.platform.ids import TransferId
from tests.factories import Founded, Member, found_cooperative, give_mandate, join_member
from timebank.third_party_entries import enter_for_represented

HOUR = 60
ADDRESS = "Mme Renée Sansordi\n3 impasse du Puits\n29200 BREST"


@dataclass(frozen=True)
class Acting:
    """Renée, her delegate Denis, Hugo who helps her, and those who decide."""

    home: Founded
    renee: Membership
    denis: Member
    hugo: Member
    treasurer: Member
    mediator: Member
    delegation: UUID

    @property
    def tenant(self) -> UUID:
        return self.home.tenant_id


def in_days(days: int) -> date:
    """A day, counted from today."""
    return date.today() + timedelta(days=days)  # noqa: DTZ011 (no test stands near midnight's edge)


async def proposed(
    database: Database,
    home: Founded,
    represented: UUID,
    delegate: UUID,
    *,
    acts: tuple[Act, ...] = (Act.HOURS,),
    entry: int = 3 * HOUR,
    month: int = 10 * HOUR,
    until: date | None = None,
) -> Delegation:
    async with database.begin(tenant=home.tenant_id) as db:
        return await propose_delegation(
            db,
            actor=home.manager.actor,
            represented_id=represented,
            delegate_id=delegate,
            acts=acts,
            until=until or in_days(90),
            entry_minutes_max=entry,
            month_minutes_max=month,
        )


async def approved(database: Database, delegation_id: UUID, *approvers: Member) -> None:
    for approver in approvers:
        async with database.begin(tenant=approver.tenant_id) as db:
            await approve_delegation(db, actor=approver.actor, delegation_id=delegation_id)


async def acting(
    database: Database, *, acts: tuple[Act, ...] = (Act.HOURS,), rules: dict[str, int] | None = None
) -> Acting:
    """A live delegation of Denis for Renée: 3 hours an entry, 10 a month."""
    home = await found_cooperative(database, name="Le Puits", rules=rules)
    async with database.begin(tenant=home.tenant_id) as db:
        renee = await admit_offline_member(
            db,
            actor=home.manager.actor,
            display_name="Renée Sansordi",
            postal_address=ADDRESS,
            contact_phone="02 98 00 00 00",
        )
    denis = await join_member(database, home, name="Denis Délégué")
    hugo = await join_member(database, home, name="Hugo Aidant")
    treasurer = await join_member(database, home, name="Tania Trésorière")
    treasurer = await give_mandate(database, home, treasurer, Role.TREASURER)
    mediator = await join_member(database, home, name="Mona Médiatrice")
    mediator = await give_mandate(database, home, mediator, Role.MEDIATOR)
    found = await proposed(database, home, renee.id, denis.id, acts=acts)
    await approved(database, found.id, treasurer, mediator)
    return Acting(home, renee, denis, hugo, treasurer, mediator, found.id)


async def entered(
    database: Database, scene: Acting, minutes: int = HOUR, to: Member | None = None
) -> TransferId:
    """Denis enters that Hugo (or somebody else) helped Renée."""
    async with database.begin(tenant=scene.tenant) as db:
        return await enter_for_represented(
            db,
            actor=scene.denis.actor,
            delegation_id=scene.delegation,
            to=(to or scene.hugo).id,
            amount_minutes=minutes,
            reason="Bois rentré",
        )
