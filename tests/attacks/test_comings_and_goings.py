"""Who left, came back, acts for another or is spoken of: nothing wakes up, nothing is told, nothing is lost."""

import io
import zipfile
from typing import Any

import pytest

import marketplace.holdings  # noqa: F401 (what every table holds of people)
from marketplace.amendment_answers import GoneFromTeam
from marketplace.leaving import leave
from marketplace.reports import report_review, reports
from marketplace.reviews import ReviewTerms, Verdict, write_review
from tenants.actors import Role
from tenants.delegation_refusals import NotDelegated
from tenants.delegations import delegation
from tenants.exports import my_data
from tenants.invitations import invite_member, stamp_invitation
from tenants.joining import accept_invitation
from tenants.memberships import suspend_member
from tenants.platform.database import Database
from tenants.platform.errors import Refusal
from tests.factories import Founded, Member, give_mandate, join_member
from tests.marketplace import stories
from tests.marketplace.team_stories import (
    agreed_team,
    amend,
    amendment_state,
    answer,
    crew,
    proven,
    shares_of,
)
from tests.timebank.acting import HOUR, acting, approved, entered, in_days, proposed
from timebank.contests import ContestOutcome, contest_entry, contest_from_slip, decide_contest
from timebank.gifts import give
from timebank.ledger.refusals import NotEnoughHours
from timebank.third_party_entries import enter_for_represented, enter_paper_exchange


async def go(database: Database, member: Member) -> None:
    async with database.begin(tenant=member.tenant_id, person=member.person_id) as db:
        await leave(db, actor=member.actor)


async def come_back(database: Database, home: Founded, member: Member) -> None:
    async with database.begin(tenant=home.tenant_id) as db:
        invitation = await invite_member(
            db, actor=home.manager.actor, email=f"autre-{member.email}", display_name=member.name
        )
        token = await stamp_invitation(db, tenant_id=home.tenant_id, invitation_id=invitation.id)
    assert token
    async with database.begin(person=member.person_id) as db:
        joined = await accept_invitation(db, token=token, person_id=member.person_id)
        assert joined.membership_id == member.id


def figures(refusal: Refusal) -> dict[str, Any]:
    """What a refusal tells in numbers, but what was asked."""
    return {name: value for name, value in refusal.facts.items() if name != "asked_minutes"}


async def test_who_enters_for_another_is_not_told_what_they_have(database: Database) -> None:
    scene = await acting(database, rules={"timebank.credit_limit_low": 3 * HOUR})
    await entered(database, scene, 2 * HOUR)
    async with database.begin(tenant=scene.tenant) as db:
        with pytest.raises(NotEnoughHours) as refused:
            await enter_for_represented(
                db,
                actor=scene.denis.actor,
                delegation_id=scene.delegation,
                to=scene.hugo.id,
                amount_minutes=2 * HOUR,
                reason="Bois rentré",
            )
    assert figures(refused.value) == {}
    async with database.begin(tenant=scene.tenant) as db:
        with pytest.raises(NotEnoughHours) as refused:
            await enter_paper_exchange(
                db,
                actor=scene.home.manager.actor,
                giver_id=scene.mediator.id,
                to=scene.hugo.id,
                happened_on=in_days(0),
                amount_minutes=60_000,
                reason="Pour voir",
            )
    assert figures(refused.value) == {}
    for locale_free in ("left", "available", "short"):
        assert locale_free not in refused.value.detail()


async def test_who_decides_a_contest_is_not_told_what_the_other_has_left(database: Database) -> None:
    scene = await acting(database, rules={"timebank.credit_limit_low": HOUR})
    entry = await entered(database, scene)
    async with database.begin(tenant=scene.tenant) as db:
        await give(db, actor=scene.hugo.actor, to=None, amount_minutes=2 * HOUR)
    async with database.begin(tenant=scene.tenant) as db:
        await contest_entry(db, actor=scene.hugo.actor, entry_id=entry, words="Pas moi")
    async with database.begin(tenant=scene.tenant) as db:
        with pytest.raises(NotEnoughHours) as refused:
            await decide_contest(
                db,
                actor=scene.mediator.actor,
                entry_id=entry,
                outcome=ContestOutcome.ANNULLED,
                decision="Annulée.",
            )
    assert figures(refused.value) == {}


@pytest.mark.parametrize("who", ["represented", "delegate"])
async def test_a_delegation_does_not_wake_up_when_somebody_comes_back(database: Database, who: str) -> None:
    scene = await acting(database)
    home = scene.home
    ines = await join_member(database, home, name="Inès Revenue")
    found = await proposed(database, home, ines.id, scene.denis.id)
    await approved(database, found.id, scene.treasurer, scene.mediator)
    gone = ines if who == "represented" else scene.denis
    await go(database, gone)
    await come_back(database, home, gone)
    async with database.begin(tenant=home.tenant_id) as db:
        with pytest.raises((NotDelegated, Refusal)) as refused:
            await enter_for_represented(
                db,
                actor=scene.denis.actor,
                delegation_id=found.id,
                to=scene.hugo.id,
                amount_minutes=HOUR,
                reason="Comme avant",
            )
        assert refused.value.status == 403
    async with database.begin(tenant=home.tenant_id) as db:
        ended = await delegation(db, actor=home.manager.actor, delegation_id=found.id)
        assert ended.ended_at is not None


@pytest.mark.parametrize("how", ["left", "suspended"])
async def test_who_is_gone_at_the_last_consent_is_not_taken_into_a_team(database: Database, how: str) -> None:
    """Their hours would land on an account that nobody can open."""
    scene = await crew(database)
    home = scene.village.coop
    mission_id = await agreed_team(database, scene, (scene.lead, 1), (scene.second, 1), minutes=100)
    asked = await amend(
        database, scene.client, mission_id, 100, (scene.lead, 1), (scene.second, 1), (scene.fourth, 2)
    )
    await answer(database, scene.fourth, mission_id, asked)
    await answer(database, scene.second, mission_id, asked)
    if how == "left":
        await go(database, scene.fourth)
    else:
        async with database.begin(tenant=home.tenant_id) as db:
            await suspend_member(db, actor=home.manager.actor, membership_id=scene.fourth.id)
    with pytest.raises(GoneFromTeam):
        await answer(database, scene.lead, mission_id, asked)
    assert await amendment_state(database, scene.client, asked) == "pending"
    assert await shares_of(database, scene.client, mission_id) == {scene.lead.id: 1, scene.second.id: 1}
    await answer(database, scene.client, mission_id, asked, how="withdraw")
    # The way out that the refusal names: another change, without who is gone.
    again = await amend(database, scene.client, mission_id, 80, (scene.lead, 1), (scene.second, 1))
    for member in (scene.lead, scene.second):
        await answer(database, member, mission_id, again)
    assert await amendment_state(database, scene.client, again) == "applied"
    await proven(database, scene)


async def test_a_mediator_does_not_read_who_reported_their_own_words(database: Database) -> None:
    scene = await stories.village(database)
    mediator = await give_mandate(database, scene.coop, scene.bidder, Role.MEDIATOR)
    mission = await stories.delivered(database, scene)
    await stories.confirm(database, scene.author, mission)
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        written = []
        for one, other in ((scene.bidder, scene.author), (scene.author, scene.bidder)):
            terms = ReviewTerms(subject_id=other.id, verdict=Verdict.BADLY, words=f"De {one.name}")
            review = await write_review(db, actor=one.actor, mission_id=mission, terms=terms)
            written.append(review.id)
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        await report_review(db, actor=scene.other.actor, review_id=written[0], reason="Cruel pour Chloé")
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        assert [one.reason for one in await reports(db, actor=scene.mediator.actor)] == ["Cruel pour Chloé"]
        assert await reports(db, actor=mediator.actor) == []


async def test_who_decided_a_contest_takes_nobody_s_words_away_with_their_own_data(
    database: Database,
) -> None:
    scene = await acting(database)
    entry = await entered(database, scene)
    async with database.begin(tenant=scene.tenant) as db:
        await contest_from_slip(
            db,
            actor=scene.home.manager.actor,
            entry_id=entry,
            contested_by=scene.renee.id,
            words="Renée était malade ce jour-là",
        )
    async with database.begin(tenant=scene.tenant) as db:
        await decide_contest(
            db,
            actor=scene.mediator.actor,
            entry_id=entry,
            outcome=ContestOutcome.UPHELD,
            decision="Le médecin confirme.",
        )
    for keeper in (scene.mediator, scene.home.manager):
        async with database.begin(person=keeper.person_id) as db:
            archive = zipfile.ZipFile(io.BytesIO(await my_data(db, person_id=keeper.person_id)))
        contests = b"".join(archive.read(name) for name in archive.namelist() if "contests" in name).decode()
        assert contests
        assert "malade" not in contests
        assert scene.renee.display_name not in contests
