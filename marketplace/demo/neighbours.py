"""Members of the demo who have no computer: who acts for them, what is entered from paper, and their letters.

Told at the end, by today's clock: a delegation, a contest and a letter have terms that count from when they were made.
This file must never write a row itself.
"""

from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from marketplace.demo.road import Cast
from marketplace.demo.story import set_type
from tenants.actors import Role
from tenants.delegating import approve_delegation, propose_delegation
from tenants.delegations import Act
from tenants.offline_members import admit_offline_member
from tenants.paper_letters import mark_letter_printed, write_letters
from tenants.platform.database import Database
from timebank.contests import contest_entry
from timebank.exchanges import post_transfer
from timebank.third_party_entries import enter_for_represented, enter_paper_exchange


class Neighbour(NamedTuple):
    """Somebody whom letters reach."""

    name: str
    address: str
    telephone: str = ""


NEIGHBOURS: Final[dict[str, tuple[Neighbour, Neighbour]]] = {
    "ateliers-de-la-rade": (
        Neighbour("Suzanne Quintric", "Mme Suzanne Quintric\n4 rue du Puits\n29200 BREST", "02 98 00 00 00"),
        Neighbour("Joseph Abiven", "M. Joseph Abiven\nKernéis\n29470 PLOUGASTEL-DAOULAS"),
    ),
    "fabrique-du-vercors": (
        Neighbour("Marcelle Bouvat", "Mme Marcelle Bouvat\nLe Moulin\n26340 SAILLANS", "04 75 00 00 00"),
        Neighbour("Gaston Reboul", "M. Gaston Reboul\n2 place du Marché\n26150 DIE"),
    ),
}
TERM_DAYS: Final = 180


async def tell_neighbours(database: Database, cast: Cast) -> None:
    """Tell of two neighbours: one has a delegate and is written to; for the other a delegate is proposed."""
    people = cast.story.people
    manager, names = cast.actors[people[0].name], [one.name for one in people]
    keepers = [
        next(cast.actors[one.name] for one in people if role in one.roles)
        for role in (Role.TREASURER, Role.MEDIATOR)
    ]
    delegate, helper, other = (cast.actors[names[place]] for place in (17, 12, 9))
    tenant = manager.tenant_id
    first, second = NEIGHBOURS[cast.story.slug]

    async def admitted(one: Neighbour) -> UUID:
        async with database.begin(tenant=tenant) as db:
            member = await admit_offline_member(
                db,
                actor=manager,
                display_name=one.name,
                postal_address=one.address,
                contact_phone=one.telephone or None,
            )
            return member.id

    async def entered(delegation_id: UUID, minutes: int, reason: str) -> UUID:
        async with database.begin(tenant=tenant) as db:
            return await enter_for_represented(
                db,
                actor=delegate,
                delegation_id=delegation_id,
                to=helper.member,
                amount_minutes=minutes,
                reason=set_type(reason),
            )

    one, two = await admitted(first), await admitted(second)
    async with database.begin(tenant=tenant) as db:
        thanks = set_type("Six pots de confiture de figues")
        await post_transfer(db, actor=other, to=one, amount_minutes=90, reason=thanks)
    until = datetime.now(UTC).date() + timedelta(days=TERM_DAYS)
    made = []
    for represented, acting, approvers in ((one, delegate, keepers), (two, other, keepers[:1])):
        async with database.begin(tenant=tenant) as db:
            proposed = await propose_delegation(
                db,
                actor=manager,
                represented_id=represented,
                delegate_id=acting.member,
                acts=(Act.HOURS,),
                until=until,
                entry_minutes_max=3 * 60,
                month_minutes_max=10 * 60,
            )
        made.append(proposed.id)
        for approver in approvers:
            async with database.begin(tenant=tenant) as db:
                await approve_delegation(db, actor=approver, delegation_id=proposed.id)
    contested = await entered(made[0], 90, "Bois rentré et empilé")
    async with database.begin(tenant=tenant) as db:
        for letter in await write_letters(db, actor=manager):
            await mark_letter_printed(db, actor=manager, letter_id=letter.id)
    async with database.begin(tenant=tenant) as db:
        await contest_entry(
            db,
            actor=helper,
            entry_id=contested,
            words=set_type(
                "Il y en avait pour une heure, pas une heure et demie : je préfère que ce soit juste."
            ),
        )
    await entered(made[0], 30, "Courses du samedi")
    async with database.begin(tenant=tenant) as db:
        await enter_paper_exchange(
            db,
            actor=manager,
            giver_id=two,
            to=other.member,
            happened_on=datetime.now(UTC).date() - timedelta(days=3),
            amount_minutes=45,
            reason=set_type("Un volet remis sur ses gonds"),
        )
