"""Missions at each stage of their life, brought there by the verbs. This file must never write a row itself."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from marketplace import agreements, bids, deliveries, disputes, missions
from marketplace.bids import Bid, BidTerms
from marketplace.deliveries import DeliveryTerms
from marketplace.disputes import DisputeTerms
from marketplace.mission_terms import MissionKind, MissionTerms
from marketplace.missions import Mission
from tenants.actors import Role
from tenants.platform.database import Database
from tenants.platform.outbox import OutboxRow
from tests import factories
from tests.factories import Founded, Member
from timebank.ledger.accounts import Account

HOUR = 60


@dataclass(frozen=True)
class Village:
    """A cooperative with an author, a bidder, another member and a mediator."""

    coop: Founded
    author: Member
    bidder: Member
    other: Member
    mediator: Member


async def village(database: Database, **rules: Any) -> Village:
    """Found a cooperative with four members; ``rules`` are founding values by the last part of their name."""
    names = {
        "low": "timebank.credit_limit_low",
        "high": "timebank.credit_limit_high",
        "hold_days": "marketplace.hold_expiry_days",
        "silence_days": "marketplace.silence_days",
    }
    coop = await factories.found_cooperative(
        database, rules={names[name]: value for name, value in rules.items()}
    )
    author = await factories.join_member(database, coop, name="Anouk Autrice")
    bidder = await factories.join_member(database, coop, name="Badis Répondeur")
    other = await factories.join_member(database, coop, name="Chloé Tierce")
    mediator = await factories.join_member(database, coop, name="Médéric Médiateur")
    mediator = await factories.give_mandate(database, coop, mediator, Role.MEDIATOR)
    return Village(coop, author, bidder, other, mediator)


def terms(**changes: Any) -> MissionTerms:
    """Believable terms of a request of two hours."""
    given: dict[str, Any] = {
        "kind": MissionKind.REQUEST,
        "title": "Relire une plaquette de douze pages",
        "description": "Surtout la cohérence des titres.",
        "estimated_minutes": 2 * HOUR,
    }
    return MissionTerms(**(given | changes))


async def posted(database: Database, author: Member, *, publish: bool = True, **changes: Any) -> UUID:
    async with database.begin(tenant=author.tenant_id) as db:
        mission = await missions.post_mission(db, actor=author.actor, terms=terms(**changes), publish=publish)
    return mission.id


async def bid(
    database: Database,
    bidder: Member,
    mission_id: UUID,
    minutes: int = 2 * HOUR,
    delivery_on: date | None = None,
) -> UUID:
    async with database.begin(tenant=bidder.tenant_id) as db:
        placed = await bids.place_bid(
            db,
            actor=bidder.actor,
            mission_id=mission_id,
            terms=BidTerms(message="Je peux commencer jeudi.", minutes=minutes, delivery_on=delivery_on),
        )
    return placed.id


async def accept(database: Database, author: Member, mission_id: UUID, bid_id: UUID) -> UUID:
    async with database.begin(tenant=author.tenant_id) as db:
        agreement = await agreements.accept_bid(db, actor=author.actor, mission_id=mission_id, bid_id=bid_id)
    return agreement.id


async def agreed(database: Database, scene: Village, *, minutes: int = 2 * HOUR, **changes: Any) -> UUID:
    """A mission of the author for which the bidder's bid is accepted."""
    mission_id = await posted(database, scene.author, **changes)
    bid_id = await bid(database, scene.bidder, mission_id, minutes)
    await accept(database, scene.author, mission_id, bid_id)
    return mission_id


async def deliver(database: Database, provider: Member, mission_id: UUID, spent: int = 2 * HOUR) -> None:
    async with database.begin(tenant=provider.tenant_id) as db:
        await deliveries.deliver(
            db,
            actor=provider.actor,
            mission_id=mission_id,
            terms=DeliveryTerms(spent_minutes=spent, note="Fait."),
        )


async def delivered(
    database: Database, scene: Village, *, minutes: int = 2 * HOUR, spent: int = 2 * HOUR, **changes: Any
) -> UUID:
    """A request, agreed, that the bidder has delivered."""
    mission_id = await agreed(database, scene, minutes=minutes, **changes)
    await deliver(database, scene.bidder, mission_id, spent)
    return mission_id


async def confirm(database: Database, payer: Member, mission_id: UUID, extra_minutes: int = 0) -> None:
    async with database.begin(tenant=payer.tenant_id) as db:
        await deliveries.confirm_delivery(
            db, actor=payer.actor, mission_id=mission_id, extra_minutes=extra_minutes
        )


async def disputed(database: Database, scene: Village, **changes: Any) -> UUID:
    """A delivered request that the author contests."""
    mission_id = await delivered(database, scene, **changes)
    async with database.begin(tenant=scene.author.tenant_id) as db:
        await disputes.dispute_delivery(
            db,
            actor=scene.author.actor,
            mission_id=mission_id,
            terms=DisputeTerms(reason="La moitié des pages n'est pas relue."),
        )
    return mission_id


async def state_of(database: Database, member: Member, mission_id: UUID) -> str:
    async with database.begin(tenant=member.tenant_id) as db:
        mission = await db.get_one(Mission, (member.tenant_id, mission_id))
        return mission.state.value


async def bid_states(database: Database, member: Member, mission_id: UUID) -> dict[UUID, str]:
    async with database.begin(tenant=member.tenant_id) as db:
        found = await db.scalars(
            select(Bid).where(Bid.tenant_id == member.tenant_id, Bid.mission_id == mission_id)
        )
        return {one.id: one.state.value for one in found}


async def balance(database: Database, member: Member) -> tuple[int, int]:
    """The member's (balance, held), in minutes."""
    async with database.begin(tenant=member.tenant_id) as db:
        account = await db.get_one(Account, (member.tenant_id, member.id))
        return account.balance, account.held


async def events(database: Database, coop: Founded, kind: str) -> list[dict[str, Any]]:
    """The facts of the events of one kind that were emitted in this cooperative, in order."""
    async with database.begin(tenant=coop.tenant_id) as db:
        rows = await db.scalars(
            select(OutboxRow.facts)
            .where(OutboxRow.tenant_id == coop.tenant_id, OutboxRow.kind == kind)
            .order_by(OutboxRow.id)
        )
        return list(rows)


async def count(database: Database, coop: Founded, table: type[Any]) -> int:
    """How many rows of a table this cooperative has."""
    async with database.begin(tenant=coop.tenant_id) as db:
        query = select(func.count()).select_from(table).where(table.tenant_id == coop.tenant_id)
        return (await db.execute(query)).scalar_one()


def with_roles(member: Member, *roles: Role) -> Member:
    """The same member, as an actor that claims these roles (to show what a claim alone does not open)."""
    return replace(member, roles=frozenset(roles))
