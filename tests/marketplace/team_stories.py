"""Teams at work, brought there by the verbs. This file must never write a row itself."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from marketplace import agreements, amending, amendment_answers, bids, team_answers
from marketplace.amending import AmendmentTerms
from marketplace.amendments import Amendment
from marketplace.bids import BidTerms
from marketplace.team_terms import PartTerms
from marketplace.teams import AgreementPart, BidPart
from tenants.platform.database import Database
from tests import factories
from tests.factories import Member
from tests.marketplace.stories import Village, accept, posted, village
from timebank.ledger.proof import prove_ledger


@dataclass(frozen=True)
class Crew:
    """A village, and somebody more: the bidder leads, ``other`` and ``fourth`` may work with them."""

    village: Village
    fourth: Member

    @property
    def client(self) -> Member:
        return self.village.author

    @property
    def lead(self) -> Member:
        return self.village.bidder

    @property
    def second(self) -> Member:
        return self.village.other


async def crew(database: Database, **rules: int) -> Crew:
    scene = await village(database, **rules)
    return Crew(scene, await factories.join_member(database, scene.coop, name="Driss Quatrième"))


def team(*members: tuple[Member, int]) -> list[PartTerms]:
    return [PartTerms(member_id=member.id, shares=mine) for member, mine in members]


async def team_bid(
    database: Database, lead: Member, mission_id: UUID, *members: tuple[Member, int], minutes: int = 100
) -> UUID:
    async with database.begin(tenant=lead.tenant_id) as db:
        placed = await bids.place_bid(
            db,
            actor=lead.actor,
            mission_id=mission_id,
            terms=BidTerms(message="À plusieurs, c'est fait jeudi.", minutes=minutes, team=team(*members)),
        )
    return placed.id


async def answer_part(
    database: Database, member: Member, mission_id: UUID, bid_id: UUID, *, accepts: bool = True
) -> None:
    verb = team_answers.accept_part if accepts else team_answers.decline_part
    async with database.begin(tenant=member.tenant_id) as db:
        await verb(db, actor=member.actor, mission_id=mission_id, bid_id=bid_id)


async def agreed_team(
    database: Database, scene: Crew, *members: tuple[Member, int], minutes: int = 100
) -> UUID:
    """A mission agreed with a team whose members have all accepted."""
    mission_id = await posted(database, scene.client)
    bid_id = await team_bid(database, scene.lead, mission_id, *members, minutes=minutes)
    for member, _shares in members:
        if member.id != scene.lead.id:
            await answer_part(database, member, mission_id, bid_id)
    await accept(database, scene.client, mission_id, bid_id)
    return mission_id


async def amend(
    database: Database, by: Member, mission_id: UUID, minutes: int, *members: tuple[Member, int]
) -> UUID:
    async with database.begin(tenant=by.tenant_id) as db:
        proposed = await amending.propose_amendment(
            db,
            actor=by.actor,
            mission_id=mission_id,
            terms=AmendmentTerms(
                agreed_minutes=minutes, reason="Il y a plus de pages que prévu.", team=team(*members)
            ),
        )
    return proposed.id


async def answer(
    database: Database, member: Member, mission_id: UUID, amendment_id: UUID, *, how: str = "accept"
) -> None:
    verb = getattr(amendment_answers, f"{how}_amendment")
    async with database.begin(tenant=member.tenant_id) as db:
        await verb(db, actor=member.actor, mission_id=mission_id, amendment_id=amendment_id)


async def amendment_state(database: Database, member: Member, amendment_id: UUID) -> str:
    async with database.begin(tenant=member.tenant_id) as db:
        found = await db.get_one(Amendment, (member.tenant_id, amendment_id))
        return found.state.value


async def part_states(database: Database, member: Member, bid_id: UUID) -> dict[UUID, str]:
    async with database.begin(tenant=member.tenant_id) as db:
        found = await db.scalars(
            select(BidPart).where(BidPart.tenant_id == member.tenant_id, BidPart.bid_id == bid_id)
        )
        return {one.member_id: one.state.value for one in found}


async def shares_of(database: Database, member: Member, mission_id: UUID) -> dict[UUID, int]:
    async with database.begin(tenant=member.tenant_id) as db:
        found = await db.scalars(
            select(AgreementPart)
            .join(
                agreements.Agreement,
                (agreements.Agreement.tenant_id == AgreementPart.tenant_id)
                & (agreements.Agreement.id == AgreementPart.agreement_id),
            )
            .where(
                AgreementPart.tenant_id == member.tenant_id,
                agreements.Agreement.mission_id == mission_id,
                agreements.Agreement.state.in_(("active", "done")),
            )
        )
        return {one.member_id: one.shares for one in found}


async def proven(database: Database, scene: Crew) -> None:
    """The ledger adds up, holds included."""
    coop = scene.village.coop
    async with database.begin(tenant=coop.tenant_id) as db:
        assert (await prove_ledger(db, actor=coop.system)).differences == 0
