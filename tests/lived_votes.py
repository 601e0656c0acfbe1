"""Votes of every method, open and counted, for the walks over all pages and operations.

Everything is made through the verbs. This file must never write a row by itself.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from governance.ballots import Marks, cast_ballot
from governance.closing import count_vote
from governance.opening import open_vote
from governance.option_withdrawals import withdraw_option
from governance.vote_policies import Threshold
from governance.votes import VoteMethod
from tenants.actors import Role
from tenants.assemblies import Held, Resolution
from tenants.assembly_records import record_assembly
from tenants.assembly_signatures import sign_assembly
from tenants.platform.database import Database
from tests.factories import Founded, Member

# Long enough for a busy machine to cast three ballots in.
SOON = timedelta(seconds=3)
DAYS: tuple[str, ...] = ("Lundi", "Mardi", "Jeudi")


async def vote_together(database: Database, home: Founded, treasurer: Member, *others: Member) -> None:
    """A counted vote of each method, and one of each that is open and has ballots."""
    await _let_votes_be_short(database, home, treasurer)
    voters = [treasurer, *others]
    short = [await _vote(database, home, voters, method, SOON) for method in VoteMethod]
    for method in VoteMethod:
        vote = await _vote(database, home, voters, method, timedelta(days=7))
        if method is VoteMethod.SCHULZE:
            async with database.begin(tenant=home.tenant_id) as db:
                await withdraw_option(db, actor=home.manager.actor, vote_id=vote, number=3)
    await asyncio.sleep(SOON.total_seconds())
    for vote in short:
        async with database.begin(tenant=home.tenant_id) as db:
            await count_vote(db, actor=treasurer.actor, vote_id=vote)


async def _vote(
    database: Database, home: Founded, voters: list[Member], method: VoteMethod, lasts: timedelta
) -> UUID:
    async with database.begin(tenant=home.tenant_id) as db:
        opened = await open_vote(
            db,
            actor=home.manager.actor,
            circle_id=home.tenant_id,
            method=method,
            question="Quel jour ouvrir l'atelier ?",
            explanation="On en a *parlé* à la dernière réunion.",
            options=[] if method is VoteMethod.MAJORITY else DAYS,
            threshold=Threshold.TWO_THIRDS,
            closes_at=datetime.now(UTC) + lasts,
        )
        vote = opened.vote.id
        for place, voter in enumerate(voters):
            await cast_ballot(db, actor=voter.actor, vote_id=vote, marks=_marks(method, place))
    return vote


def _marks(method: VoteMethod, place: int) -> Marks:
    match method:
        case VoteMethod.MAJORITY:
            return Marks(choice=(1, 0, 2)[place % 3])
        case VoteMethod.JUDGMENT:
            return Marks(grades={1: place % 7 + 1, 2: 3})
        case VoteMethod.SCHULZE:
            return Marks(ranks={place % 3 + 1: 1, 4: 2})


async def _let_votes_be_short(database: Database, home: Founded, treasurer: Member) -> None:
    """Have an assembly, which the manager and a treasurer sign, let a vote be as short as one wants."""
    today = datetime.now(ZoneInfo("Europe/Paris")).date()
    held = Held(
        held_on=today - timedelta(days=1),
        place="Salle des fêtes",
        minutes="La durée des votes.",
        members_count=4,
        present_count=3,
        represented_count=0,
        quorum_required_count=2,
    )
    resolution = Resolution(
        rule="governance.vote_days_min",
        value=0,
        votes_for=3,
        votes_against=0,
        votes_abstain=0,
        effective_on=today,
    )
    async with database.begin(tenant=home.tenant_id) as db:
        made = await record_assembly(db, actor=home.manager.actor, held=held, resolutions=[resolution])
    for who, role in ((home.manager, Role.MANAGER), (treasurer, Role.TREASURER)):
        async with database.begin(tenant=home.tenant_id) as db:
            await sign_assembly(
                db, actor=who.actor, assembly_id=made.assembly.id, version=made.assembly.version, role=role
            )
