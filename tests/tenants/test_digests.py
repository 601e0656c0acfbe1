"""The digest: one mail in the morning that says only what is new and unread, and a way to stop it in one click."""

import asyncio
from datetime import UTC, datetime, time, timedelta
from email import message_from_bytes
from email.policy import SMTP
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from sqlalchemy import DateTime, literal, select, update

from tenants.digests import AT, LINES_MAX, latest, look_at_stop, mail_digests, stop_digest
from tenants.events import DigestsLeft
from tenants.memberships import leave_cooperative
from tenants.notice_kinds import Delivery, NoticeKind, declare_notices
from tenants.notice_mails import MAILS_AT_ONCE
from tenants.notices import Notice, notices, notify, read_all_notices
from tenants.platform.database import Database
from tenants.platform.errors import NotFound
from tenants.platform.mail import FolderPost, Message, compose
from tenants.platform.outbox import OutboxRow
from tenants.platform.settings import Settings
from tests import factories
from tests.factories import Founded, Member
from tests.tenants.conftest import Browser
from tests.tenants.test_notice_preferences import around_now, choose, evaluated, tick
from tests.tenants.test_notices import FakePost, working

NEWS = NoticeKind("essais_du_matin", "Du nouveau au sujet {subject}.", "/missions", mailed=False)
TODO = NoticeKind("essais_a_faire", "Quelque chose attend : {subject}.", "/pot", mailed=False, waits=True)
declare_notices(NEWS, TODO)


async def give(
    database: Database, member: Member, *subjects: str, kind: NoticeKind = NEWS, ago: timedelta | None = None
) -> None:
    """Give notices, as if it had been some time ago: yesterday, so that a morning has come since."""
    async with database.begin(tenant=member.tenant_id) as db:
        for subject in subjects:
            await notify(
                db,
                tenant_id=member.tenant_id,
                membership_id=member.id,
                kind=kind.name,
                facts={"subject": subject},
            )
        given = datetime.now(UTC) - (ago if ago is not None else timedelta(hours=25))
        await db.execute(
            update(Notice)
            .where(Notice.membership_id == member.id, Notice.mailed_at.is_(None))
            .values(created_at=given)
        )


async def send(database: Database, coop: Founded, settings: Settings, post: Any) -> None:
    async with working(database, coop, settings, post) as db:
        await mail_digests(db, tick(coop))


async def test_a_digest_says_what_waits_first_once_and_with_its_links(
    database: Database, settings: Settings
) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop, name="Rose Lemoine")
    await give(database, member, "du jardin", "du vélo", "du vélo")
    await give(database, member, "une signature", kind=TODO)
    post = FakePost()
    for _ in range(2):
        await send(database, coop, settings, post)
    [mail] = post.sent
    assert (mail.to, mail.to_name) == (member.email, "Rose Lemoine")
    assert (
        mail.text.index("une signature")
        < mail.text.index("À savoir")
        < mail.text.index("du vélo")
        < mail.text.index("du jardin")
    )
    assert mail.text.count("du vélo") == 1
    assert "(× 2)" in mail.text
    assert f"{settings.base_url}/{coop.slug}/pot\n" in mail.text
    assert mail.stop.startswith(f"{settings.base_url}/mail/stop/")
    async with database.begin(tenant=coop.tenant_id) as db:
        mine = await notices(db, actor=member.actor)
    assert all(one.mailed_at and not one.read_at for one in mine)


async def test_nothing_to_say_is_no_mail(database: Database, settings: Settings) -> None:
    coop = await factories.found_cooperative(database)
    reader = await factories.join_member(database, coop)
    late = await factories.join_member(database, coop)
    chose = await factories.join_member(database, coop)
    leaves = await factories.join_member(database, coop)
    await give(database, reader, "lu")
    async with database.begin(tenant=coop.tenant_id) as db:
        await read_all_notices(db, actor=reader.actor)
    await give(database, late, "vieux de deux semaines", ago=timedelta(days=15))
    await choose(database, chose, {NEWS.name: Delivery.APP})
    await give(database, chose, "resté sur le site")
    await give(database, leaves, "parti")
    async with database.begin(tenant=coop.tenant_id, person=leaves.person_id) as db:
        await leave_cooperative(db, actor=leaves.actor)
    post = FakePost()
    await send(database, coop, settings, post)
    assert post.sent == []


async def test_what_comes_after_the_morning_waits_for_the_next(
    database: Database, settings: Settings
) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop)
    await give(database, member, "du jour", ago=timedelta())
    post = FakePost()
    await send(database, coop, settings, post)
    assert post.sent == []
    await give(database, member, "de la veille")
    await send(database, coop, settings, post)
    assert len(post.sent) == 1
    await give(database, member, "arrivé en retard")
    await send(database, coop, settings, post)
    assert len(post.sent) == 1, "never two on one day"
    async with database.begin(tenant=coop.tenant_id) as db:
        told = datetime.now(UTC) - timedelta(days=1, hours=1)
        await db.execute(update(Notice).where(Notice.mailed_at.is_not(None)).values(mailed_at=told))
    await send(database, coop, settings, post)
    assert "arrivé en retard" in post.sent[1].text


@pytest.mark.parametrize(
    ("zone", "now", "expected"),
    [
        ("Europe/Paris", (2026, 1, 5, 7, 29), (2026, 1, 4, 7, 30)),
        ("Europe/Paris", (2026, 1, 5, 7, 30), (2026, 1, 5, 7, 30)),
        ("Europe/Paris", (2026, 1, 1, 0, 0), (2025, 12, 31, 7, 30)),
        ("Europe/Paris", (2026, 3, 29, 7, 30), (2026, 3, 29, 7, 30)),
        ("Europe/Paris", (2026, 3, 29, 6, 0), (2026, 3, 28, 7, 30)),
        ("Europe/Paris", (2026, 10, 25, 7, 31), (2026, 10, 25, 7, 30)),
        ("Europe/Paris", (2026, 10, 26, 7, 0), (2026, 10, 25, 7, 30)),
        ("Indian/Reunion", (2026, 7, 6, 7, 29), (2026, 7, 5, 7, 30)),
        ("America/Martinique", (2026, 7, 6, 23, 59), (2026, 7, 6, 7, 30)),
    ],
)
async def test_the_morning_is_that_of_the_cooperative(
    database: Database, zone: str, now: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    there = ZoneInfo(zone)
    at = literal(datetime(*now, tzinfo=there).astimezone(UTC), DateTime(timezone=True))  # type: ignore[arg-type, misc]
    found = await evaluated(database, latest(AT, at), zone)
    assert found == datetime(*expected, tzinfo=there)  # type: ignore[arg-type, misc]
    assert time(7, 30) == AT


async def test_quiet_hours_put_the_digest_off(database: Database, settings: Settings) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop)
    await choose(database, member, quiet=around_now())
    await give(database, member, "du jardin")
    post = FakePost()
    await send(database, coop, settings, post)
    assert post.sent == []
    await choose(database, member)
    await send(database, coop, settings, post)
    assert len(post.sent) == 1


async def test_a_digest_that_fails_is_tried_again_and_one_sent_before_a_crash_is_the_same_mail(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop)
    await give(database, member, "du jardin")
    await send(database, coop, settings, FakePost(failing=[member.email]))
    async with database.begin(tenant=coop.tenant_id) as db:
        [waiting] = [one for one in await notices(db, actor=member.actor) if one.kind == NEWS.name]
    assert (waiting.mailed_at, waiting.mail_attempts) == (None, 1)
    folder = FolderPost(tmp_path, sender="archipel@ex.example")

    async def send_and_die() -> None:
        async with working(database, coop, settings, folder) as db:  # type: ignore[arg-type]
            await mail_digests(db, tick(coop))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await send_and_die()
    await send(database, coop, settings, folder)
    [kept] = await asyncio.to_thread(lambda: list(tmp_path.glob("*.eml")))
    mail = message_from_bytes(kept.read_bytes(), policy=SMTP)
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert str(mail["List-Unsubscribe"]).startswith(f"<{settings.base_url}/mail/stop/")
    async with database.begin(tenant=coop.tenant_id) as db:
        [sent] = [one for one in await notices(db, actor=member.actor) if one.kind == NEWS.name]
    assert sent.mailed_at is not None


async def test_two_workers_send_one_digest(database: Database, settings: Settings) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop)
    await give(database, member, "du jardin")
    post = FakePost()
    async with working(database, coop, settings, post) as first:
        await mail_digests(first, tick(coop))
        await send(database, coop, settings, post)
    await send(database, coop, settings, post)
    assert len(post.sent) == 1


async def test_many_digests_go_in_pieces_and_many_lines_are_counted(
    database: Database, settings: Settings
) -> None:
    coop = await factories.found_cooperative(database)
    members = [await factories.join_member(database, coop) for _ in range(2)]
    await give(database, members[0], *[f"numéro {n:03d}" for n in range(LINES_MAX + 5)])
    await give(database, members[1], "du jardin")
    post = FakePost()
    await send(database, coop, settings, post)
    long = next(mail.text for mail in post.sent if mail.to == members[0].email)
    assert long.count("numéro") == LINES_MAX
    assert "5 autres notifications" in long.replace("\N{NO-BREAK SPACE}", " ")
    assert len(members) < MAILS_AT_ONCE


async def test_what_is_left_is_announced_and_a_post_that_is_away_makes_no_circle(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tenants.digests.MAILS_AT_ONCE", 1)
    coop = await factories.found_cooperative(database)
    members = [await factories.join_member(database, coop) for _ in range(2)]
    for member in members:
        await give(database, member, "du jardin")
    away = FakePost(failing=[member.email for member in members])
    left = DigestsLeft(tenant_id=coop.tenant_id)

    async def announced() -> int:
        async with database.begin(tenant=coop.tenant_id) as db:
            return len((await db.scalars(select(OutboxRow.id).where(OutboxRow.kind == "DigestsLeft"))).all())

    await send(database, coop, settings, away)
    assert await announced() == 1
    for _ in range(3):
        async with working(database, coop, settings, away) as db:
            await mail_digests(db, left)
    assert await announced() == 1, "those that failed wait for the clock"
    back = FakePost()
    for _ in range(2):
        await send(database, coop, settings, back)
    assert {mail.to for mail in back.sent} == {member.email for member in members}


# --- Stopping --------------------------------------------------------------------------------------------


async def link_of(database: Database, coop: Founded, member: Member, settings: Settings) -> str:
    await give(database, member, "du jardin")
    post = FakePost()
    await send(database, coop, settings, post)
    return post.sent[0].stop.removeprefix(settings.base_url)


async def test_one_click_of_a_mail_program_stops_the_digest_and_opening_the_link_does_not(
    database: Database, settings: Settings, browser: Browser
) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop)
    link = await link_of(database, coop, member, settings)
    nobody = browser()
    assert (await nobody.get(link)).status_code == httpx.codes.OK
    await give(database, member, "d'avant")
    assert (await nobody.post(link, data={"List-Unsubscribe": "One-Click"})).status_code == httpx.codes.OK
    async with database.begin(tenant=coop.tenant_id) as db:
        await notify(
            db,
            tenant_id=coop.tenant_id,
            membership_id=member.id,
            kind=NEWS.name,
            facts={"subject": "d'après"},
        )
        newest = (await notices(db, actor=member.actor))[0]
        await db.execute(update(Notice).values(mailed_at=datetime.now(UTC) - timedelta(days=2)))
        await db.execute(
            update(Notice)
            .where(Notice.mailed_at.is_not(None), Notice.kind == NEWS.name)
            .values(mailed_at=None, created_at=datetime.now(UTC) - timedelta(days=1, hours=1))
        )
    assert newest.delivery is Delivery.APP
    post = FakePost()
    await send(database, coop, settings, post)
    assert post.sent == []
    assert (await nobody.post(link)).status_code == httpx.codes.OK


async def test_a_broken_link_stops_nothing(database: Database, settings: Settings, browser: Browser) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop)
    other = await factories.join_member(database, coop)
    token = (await link_of(database, coop, member, settings)).rpartition("/")[2]
    stranger = await link_of(database, coop, other, settings)
    swapped = token[:30] + stranger.rpartition("/")[2][30:]
    for broken in (
        "x",
        "x" * 64,
        token[:-2] + ("AA" if token[-2:] != "AA" else "BB"),
        token[:-4],
        swapped,
        "é",
    ):
        async with database.begin() as db:
            with pytest.raises(NotFound):
                await look_at_stop(db, token=broken)
        async with database.begin() as db:
            with pytest.raises(NotFound):
                await stop_digest(db, token=broken)
    assert (await browser().post(f"/mail/stop/{'x' * 64}")).status_code == httpx.codes.NOT_FOUND


def test_no_mail_says_how_to_stop_what_is_not_a_digest() -> None:
    mail = compose(Message(to="a@ex.example", subject="x", text="y"), sender="archipel@ex.example")
    assert mail["List-Unsubscribe"] is None
    once, twice = (
        compose(Message(to="a@ex.example", subject="x", text="y", key="k"), sender="archipel@ex.example")
        for _ in range(2)
    )
    assert once["Message-ID"] == twice["Message-ID"] != mail["Message-ID"]
