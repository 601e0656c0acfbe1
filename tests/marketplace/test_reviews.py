"""Two-sided reviews: blind until both are in or the days are over, never changed then, and hidden on every road."""

from uuid import UUID

import pytest
from sqlalchemy import text

from marketplace.reports import Outcome, decide_report, report_review
from marketplace.review_lists import member_reviews, mission_reviews, review_counts
from marketplace.reviews import (
    AnsweredAlready,
    NotYetOver,
    Revealed,
    ReviewTerms,
    Verdict,
    answer_review,
    reveal_due_reviews,
    write_review,
)
from tenants.platform.database import Database
from tenants.platform.errors import NotFound
from tests import factories
from tests.conftest import OpenAs
from tests.factories import Member
from tests.marketplace import stories
from tests.marketplace.stories import Village, village
from tests.tenants.conftest import Browser, Client

WORDS = "Un travail soigné, rendu deux jours avant la date."


async def settled(database: Database, scene: Village) -> UUID:
    mission = await stories.delivered(database, scene)
    await stories.confirm(database, scene.author, mission)
    return mission


async def review(
    database: Database, author: Member, subject: Member, mission: UUID, words: str = WORDS
) -> UUID:
    async with database.begin(tenant=author.tenant_id) as db:
        terms = ReviewTerms(subject_id=subject.id, verdict=Verdict.GLADLY, words=words)
        return (await write_review(db, actor=author.actor, mission_id=mission, terms=terms)).id


async def roads(
    browser: Browser, bearer: Client, database: Database, reader: Member, subject: Member, mission: UUID
) -> str:
    """Everything that this reader is told of reviews, on every road."""
    client, slug = browser(reader), subject.slug
    program = bearer(await factories.api_token(database, reader, "profile:read", "missions:read"))
    pages = [
        f"/members/{subject.id}",
        f"/members/{subject.id}/reviews",
        f"/members/{subject.id}/reviews.csv",
        f"/missions/{mission}",
        f"/missions/{mission}/reviews",
        "/notices",
        "",
    ]
    calls = [f"members/{subject.id}/reviews", f"missions/{mission}/reviews", f"missions/{mission}"]
    found = [(await client.get(f"/{slug}{page}")).text for page in pages]
    found += [(await program.get(f"/{slug}/{call}")).text for call in calls]
    return "\n".join(found)


async def test_neither_reads_the_other_before_both_have_written(
    database: Database, browser: Browser, bearer: Client
) -> None:
    scene = await village(database)
    mission = await settled(database, scene)
    await review(database, scene.author, scene.bidder, mission, "Première version")
    await review(database, scene.author, scene.bidder, mission)
    for reader in (scene.bidder, scene.other, scene.mediator, scene.coop.manager):
        seen = await roads(browser, bearer, database, reader, scene.bidder, mission)
        assert WORDS not in seen
        assert "Lire les avis" not in seen
    await review(database, scene.bidder, scene.author, mission, "Des consignes claires.")
    assert len(await stories.events(database, scene.coop, "ReviewsRevealed")) == 1
    for reader in (scene.bidder, scene.other):
        seen = await roads(browser, bearer, database, reader, scene.bidder, mission)
        assert WORDS in seen
    for author, subject in ((scene.author, scene.bidder), (scene.bidder, scene.author)):
        with pytest.raises(Revealed):
            await review(database, author, subject, mission, "Je change d'avis")


async def test_after_the_days_it_is_revealed_and_nobody_writes_any_more(
    database: Database, db_as: OpenAs
) -> None:
    scene = await village(database)
    mission = await settled(database, scene)
    await review(database, scene.author, scene.bidder, mission)
    async with db_as("postgres") as db:
        for change in (
            "UPDATE reviews SET due_at = now() - interval '1 second' WHERE tenant_id = :t",
            "UPDATE agreements SET ended_at = ended_at - interval '15 days' WHERE tenant_id = :t",
        ):
            await db.execute(text(change), {"t": scene.coop.tenant_id})
        await db.commit()
    with pytest.raises(NotYetOver):
        await review(database, scene.bidder, scene.author, mission)
    with pytest.raises(Revealed):
        await review(database, scene.author, scene.bidder, mission)
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        seen = await member_reviews(db, actor=scene.other.actor, membership_id=scene.bidder.id)
        assert [one.words for one in seen] == [WORDS]
        assert await reveal_due_reviews(db, tenant_id=scene.coop.tenant_id) == 1
        assert await reveal_due_reviews(db, tenant_id=scene.coop.tenant_id) == 0


async def test_only_the_two_of_a_settled_mission_review_each_other(database: Database) -> None:
    scene = await village(database)
    running = await stories.agreed(database, scene)
    with pytest.raises(NotYetOver):
        await review(database, scene.author, scene.bidder, running)
    mission = await settled(database, scene)
    for author, subject in (
        (scene.other, scene.bidder),
        (scene.author, scene.other),
        (scene.author, scene.author),
        (scene.mediator, scene.author),
    ):
        with pytest.raises(NotFound):
            await review(database, author, subject, mission)


async def test_it_is_answered_once_by_who_was_reviewed(database: Database) -> None:
    scene = await village(database)
    mission = await settled(database, scene)
    written = await review(database, scene.author, scene.bidder, mission)
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        with pytest.raises(NotFound):
            await answer_review(db, actor=scene.bidder.actor, review_id=written, answer="Trop tôt")
    await review(database, scene.bidder, scene.author, mission)
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        for other in (scene.author, scene.other):
            with pytest.raises(NotFound):
                await answer_review(db, actor=other.actor, review_id=written, answer="Non")
        await answer_review(db, actor=scene.bidder.actor, review_id=written, answer="Merci à vous.")
        with pytest.raises(AnsweredAlready):
            await answer_review(db, actor=scene.bidder.actor, review_id=written, answer="Encore merci.")


async def test_what_a_mediator_hides_is_hidden_on_every_road(
    database: Database, browser: Browser, bearer: Client
) -> None:
    scene = await village(database)
    mission = await settled(database, scene)
    written = await review(database, scene.author, scene.bidder, mission)
    await review(database, scene.bidder, scene.author, mission, "Rien à redire.")
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        await answer_review(db, actor=scene.bidder.actor, review_id=written, answer="Réponse publiée")
        report = await report_review(
            db, actor=scene.bidder.actor, review_id=written, reason="Ce n'est pas vrai."
        )
        await decide_report(
            db,
            actor=scene.mediator.actor,
            report_id=report.id,
            outcome=Outcome.HIDDEN,
            decision="Attaque une personne.",
        )
    for reader in (scene.author, scene.bidder, scene.other, scene.mediator, scene.coop.manager):
        seen = await roads(browser, bearer, database, reader, scene.bidder, mission)
        assert WORDS not in seen
        assert "Réponse publiée" not in seen
        assert "Lire les avis" not in seen
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        counts = await review_counts(db, tenant_id=scene.coop.tenant_id, membership_id=scene.bidder.id)
        assert counts.total == 0
        left = await mission_reviews(db, actor=scene.bidder.actor, mission_id=mission)
        assert [one.words for one in left.reviews] == ["Rien à redire."]
        with pytest.raises(NotFound):
            await report_review(db, actor=scene.bidder.actor, review_id=written, reason="Encore")
    trace = await browser(scene.mediator).get(f"/{scene.coop.slug}/reports")
    assert WORDS in trace.text
    assert "Attaque une personne." in trace.text


async def test_after_a_report_or_an_answer_one_is_where_the_review_stands_also_when_refused(
    database: Database, browser: Browser
) -> None:
    """Of somebody else's review too, from the member's list or from the mission's page."""
    scene = await village(database)
    mission = await settled(database, scene)
    written = await review(database, scene.author, scene.bidder, mission)
    await review(database, scene.bidder, scene.author, mission)
    home = f"/{scene.coop.slug}"
    of_bidder = f"{home}/members/{scene.bidder.id}/reviews"
    of_mission = f"{home}/missions/{mission}/reviews"
    stranger, subject = browser(scene.other), browser(scene.bidder)
    assert 'name="at" value="mission"' in (await subject.get(of_mission)).text
    assert 'name="at" value=""' in (await stranger.get(of_bidder)).text
    for client, at, title in (
        (stranger, "", f"Avis sur {scene.bidder.name}"),
        (subject, "mission", "Avis sur la mission"),
    ):
        refused = await client.post(f"{home}/reviews/{written}/report", data={"reason": "", "at": at})
        assert refused.status_code == 422
        assert f"<h1>{title}</h1>" in refused.text
        assert WORDS in refused.text, "the form that was refused stands under its review"
        assert 'aria-invalid="true"' in refused.text
    reported = await stranger.post(f"{home}/reviews/{written}/report", data={"reason": "Faux"})
    assert (reported.status_code, reported.headers["location"]) == (303, of_bidder)
    again = await subject.post(f"{home}/reviews/{written}/report", data={"reason": "Faux", "at": "mission"})
    assert again.status_code == 409
    assert "<h1>Avis sur la mission</h1>" in again.text
    answered = await subject.post(
        f"{home}/reviews/{written}/answer", data={"answer": "Merci.", "at": "mission"}
    )
    assert answered.headers["location"] == of_mission
    for unknown in (mission, scene.bidder.id):
        assert (
            await stranger.post(f"{home}/reviews/{unknown}/report", data={"reason": "Faux"})
        ).status_code == 404
