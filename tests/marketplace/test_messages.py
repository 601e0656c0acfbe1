"""Messages on a mission: read by those who take part in the conversation, told without their text, reportable."""

from uuid import UUID

import pytest

from marketplace.conversations import mark_read, thread, threads, unread_threads
from marketplace.messages import MESSAGES_BY_MEMBER, ThreadClosed, messages, write_message
from marketplace.reports import (
    DecidedAlready,
    Outcome,
    ReportedAlready,
    decide_report,
    report_message,
    reports,
)
from tenants.platform.database import Database
from tenants.platform.errors import NotAllowed, NotFound, TooManyAttempts
from tenants.platform.throttle import Throttle
from tests.factories import Member
from tests.marketplace import stories
from tests.marketplace.stories import Village, village
from tests.tenants.conftest import Browser

SECRET = "Le code du portail est 4271."


async def write(
    database: Database, throttle: Throttle, who: Member, mission: UUID, thread_id: UUID, body: str = SECRET
) -> UUID:
    async with database.begin(tenant=who.tenant_id) as db:
        written = await write_message(
            db, throttle, actor=who.actor, mission_id=mission, thread_id=thread_id, body=body
        )
    return written.id


async def agreed_thread(database: Database, scene: Village, mission: UUID) -> UUID:
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        found = await threads(db, actor=scene.author.actor, mission_id=mission)
    return next(one.thread_id for one in found if one.agreed)


async def test_bidders_do_not_read_each_other(
    database: Database, throttle: Throttle, browser: Browser
) -> None:
    scene = await village(database)
    mission = await stories.posted(database, scene.author)
    for bidder in (scene.bidder, scene.other):
        await stories.bid(database, bidder, mission)
    await write(database, throttle, scene.bidder, mission, scene.bidder.id)
    path = f"/{scene.coop.slug}/missions/{mission}/messages/{scene.bidder.id}"
    assert SECRET in (await browser(scene.author).get(path)).text
    assert SECRET in (await browser(scene.author).get(f"{path}/messages.csv")).text
    for stranger in (scene.other, scene.mediator, scene.coop.manager):
        for road in (path, f"{path}/messages.csv"):
            answer = await browser(stranger).get(road)
            assert (answer.status_code, SECRET in answer.text) == (404, False)
        async with database.begin(tenant=scene.coop.tenant_id) as db:
            with pytest.raises(NotFound):
                await messages(db, actor=stranger.actor, mission_id=mission, thread_id=scene.bidder.id)
        with pytest.raises(NotFound):
            await write(database, throttle, stranger, mission, scene.bidder.id)
    assert (await browser().get(path)).status_code == 303


async def test_those_who_agreed_write_in_one_thread_and_the_others_can_only_read_again(
    database: Database, throttle: Throttle
) -> None:
    scene = await village(database)
    mission = await stories.posted(database, scene.author)
    await stories.bid(database, scene.other, mission)
    bid = await stories.bid(database, scene.bidder, mission)
    await write(database, throttle, scene.other, mission, scene.other.id)
    await stories.accept(database, scene.author, mission, bid)
    together = await agreed_thread(database, scene, mission)
    await write(database, throttle, scene.bidder, mission, together, "Je commence jeudi.")
    with pytest.raises(ThreadClosed):
        await write(database, throttle, scene.other, mission, scene.other.id)
    with pytest.raises(NotFound):
        await write(database, throttle, scene.other, mission, together)
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        kept = await messages(db, actor=scene.other.actor, mission_id=mission, thread_id=scene.other.id)
        assert [one.body for one in kept] == [SECRET]


async def test_a_message_is_unread_until_its_reader_says_so_and_told_once_without_its_text(
    database: Database, throttle: Throttle, browser: Browser
) -> None:
    scene = await village(database)
    mission = await stories.agreed(database, scene)
    together = await agreed_thread(database, scene, mission)
    for _ in range(2):
        await write(database, throttle, scene.author, mission, together)
    told = await stories.events(database, scene.coop, "MessageWritten")
    assert [one["to"] for one in told] == [[str(scene.bidder.id)]]
    assert SECRET not in str(told)
    client = browser(scene.bidder)
    path = f"/{scene.coop.slug}/missions/{mission}/messages/{together}"
    for _ in range(2):
        assert "2 messages non lus" in (await client.get(f"/{scene.coop.slug}")).text
        await client.get(path)
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        await mark_read(db, actor=scene.bidder.actor, mission_id=mission, thread_id=together)
        assert await unread_threads(db, actor=scene.bidder.actor) == []
        assert (
            await thread(db, actor=scene.author.actor, mission_id=mission, thread_id=together)
        ).unread == 0
    sent = await client.post(path, data={"body": "Merci <b>!", "once": "a"})
    assert sent.status_code == 303
    assert (await client.post(path, data={"body": "Merci <b>!", "once": "a"})).status_code == 303
    page = (await browser(scene.author).get(path)).text
    assert page.count("Merci &lt;b&gt;!") == 1
    assert (await client.post(path, data={"body": ""})).status_code == 422


async def test_a_long_conversation_is_paged_and_writing_is_limited(
    database: Database, throttle: Throttle, browser: Browser
) -> None:
    scene = await village(database)
    mission = await stories.agreed(database, scene)
    together = await agreed_thread(database, scene, mission)
    for number in range(MESSAGES_BY_MEMBER.attempts):
        await write(database, throttle, scene.author, mission, together, f"numéro {number:02}")
    with pytest.raises(TooManyAttempts):
        await write(database, throttle, scene.author, mission, together)
    first = await browser(scene.bidder).get(f"/{scene.coop.slug}/missions/{mission}/messages/{together}")
    assert "numéro 39" in first.text
    assert "numéro 19" not in first.text
    assert 'rel="next"' in first.text


async def test_a_mediator_hides_a_reported_message_everywhere_and_leaves_a_trace(
    database: Database, throttle: Throttle, browser: Browser
) -> None:
    scene = await village(database)
    mission = await stories.agreed(database, scene)
    together = await agreed_thread(database, scene, mission)
    message = await write(database, throttle, scene.author, mission, together)
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        for outsider in (scene.other, scene.author):
            with pytest.raises(NotFound):
                await report_message(db, actor=outsider.actor, message_id=message, reason="Non")
        report = await report_message(
            db, actor=scene.bidder.actor, message_id=message, reason="Un code d'accès"
        )
        with pytest.raises(ReportedAlready):
            await report_message(db, actor=scene.bidder.actor, message_id=message, reason="Encore")
        with pytest.raises(NotAllowed):
            await reports(db, actor=scene.author.actor)
        for claimed in (scene.author, scene.bidder):
            with pytest.raises(NotAllowed):
                await decide_report(
                    db,
                    actor=stories.with_roles(claimed, *scene.mediator.roles).actor,
                    report_id=report.id,
                    outcome=Outcome.LEFT,
                    decision="Je décide de ce qui me touche.",
                )
    client = browser(scene.mediator)
    assert SECRET in (await client.get(f"/{scene.coop.slug}/reports")).text
    decided = await client.post(
        f"/{scene.coop.slug}/reports/{report.id}/decide",
        data={"outcome": "hidden", "decision": "Un code ne se partage pas."},
    )
    assert decided.status_code == 303
    path = f"/{scene.coop.slug}/missions/{mission}/messages/{together}"
    for reader in (scene.author, scene.bidder):
        for road in (path, f"{path}/messages.csv"):
            assert SECRET not in (await browser(reader).get(road)).text
    assert "Un code ne se partage pas." in (await client.get(f"/{scene.coop.slug}/reports")).text
    async with database.begin(tenant=scene.coop.tenant_id) as db:
        with pytest.raises(DecidedAlready):
            await decide_report(
                db,
                actor=scene.mediator.actor,
                report_id=report.id,
                outcome=Outcome.LEFT,
                decision="Finalement non.",
            )
