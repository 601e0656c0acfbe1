"""How members choose to be told: kinds, quiet hours by the cooperative's clock, and nothing lost on the way."""

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from sqlalchemy import ColumnElement, DateTime, and_, insert, literal, select, text, update
from sqlalchemy.dialects import postgresql

from tenants.memberships import leave_cooperative
from tenants.notice_kinds import KINDS, Delivery, NoticeKind, Topic, declare_notices
from tenants.notice_mails import MailTick, is_quiet, lock_names, mail_again, mail_notices
from tenants.notice_preferences import (
    NoticeHabit,
    NoticeRequired,
    QuietHoursUnclear,
    UnknownNotice,
    change_notice_preferences,
    notice_preferences,
    set_habit,
)
from tenants.notices import Notice, notices, notify_members
from tenants.platform.database import Database
from tenants.platform.outbox import OutboxRow
from tenants.platform.settings import Settings
from tests import factories
from tests.factories import Founded, Member
from tests.tenants.conftest import Browser
from tests.tenants.test_notices import FakePost, tell, working

NEWS = NoticeKind("essais_nouvelle", "Une nouvelle de {given_minutes}.", "/hours")
MUST = NoticeKind("essais_a_signer", "À signer.", "/assemblies", waits=True, required=True)
declare_notices(NEWS, MUST)

PARIS = ZoneInfo("Europe/Paris")


async def choose(
    database: Database,
    member: Member,
    choices: Mapping[str, Delivery] | None = None,
    *,
    quiet: tuple[time, time] | None = None,
    digest: bool = True,
) -> None:
    async with database.begin(tenant=member.tenant_id) as db:
        await change_notice_preferences(
            db,
            actor=member.actor,
            choices=choices or {},
            quiet_from=quiet[0] if quiet else None,
            quiet_until=quiet[1] if quiet else None,
            digest=digest,
        )


async def told(database: Database, member: Member, kind: NoticeKind = NEWS) -> list[Notice]:
    async with database.begin(tenant=member.tenant_id) as db:
        return [one for one in await notices(db, actor=member.actor) if one.kind == kind.name]


def tick(coop: Founded) -> MailTick:
    return MailTick(tenant_id=coop.tenant_id, due_at=datetime.now(UTC))


def test_every_kind_has_a_heading_and_an_example_without_facts() -> None:
    for kind in KINDS.values():
        assert kind.about in Topic
        assert "{" not in kind.example
        assert not (kind.required and kind.usual is not Delivery.AT_ONCE)
    assert KINDS["bid_placed"].about is Topic.MISSIONS
    assert KINDS["gift_received"].about is Topic.HOURS
    assert {"assembly_to_sign", "mission_delivered", "mission_disputed"} <= {
        kind.name for kind in KINDS.values() if kind.required
    }


@pytest.mark.parametrize(
    ("choice", "kept", "announced"),
    [
        (None, Delivery.AT_ONCE, True),
        (Delivery.AT_ONCE, Delivery.AT_ONCE, True),
        (Delivery.DIGEST, Delivery.DIGEST, False),
        (Delivery.APP, Delivery.APP, False),
        (Delivery.NEVER, None, False),
    ],
)
async def test_a_notice_is_given_as_its_member_chose(
    database: Database, choice: Delivery | None, kept: Delivery | None, *, announced: bool
) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop)
    if choice:
        await choose(database, member, {NEWS.name: choice})
    async with database.begin(tenant=coop.tenant_id) as db:
        await notify_members(
            db,
            tenant_id=coop.tenant_id,
            membership_ids=[member.id],
            kind=NEWS.name,
            facts={"given_minutes": 5},
        )
        emitted = await db.scalars(
            select(OutboxRow.facts).where(OutboxRow.kind == "NoticesGiven", OutboxRow.sent_at.is_(None))
        )
        batches = {facts["batch_id"] for facts in emitted}
    found = await told(database, member)
    assert [one.delivery for one in found] == ([kept] if kept else [])
    assert bool({str(one.batch_id) for one in found} & batches) is announced


async def test_what_is_required_is_told_whatever_was_chosen_before(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop)
    for delivery in (Delivery.NEVER, Delivery.APP, Delivery.DIGEST):
        with pytest.raises(NoticeRequired):
            await choose(database, member, {MUST.name: delivery})
    async with database.begin(tenant=coop.tenant_id) as db:
        # A kind that became required after somebody had turned it off.
        await db.execute(
            text("INSERT INTO notice_choices VALUES (:tenant, :member, :kind, 'never')"),
            {"tenant": coop.tenant_id, "member": member.id, "kind": MUST.name},
        )
        preferences = await notice_preferences(db, actor=member.actor)
    assert preferences.deliveries[MUST.name] is Delivery.AT_ONCE
    await tell(database, coop, member.id, kind=MUST.name)
    assert [one.delivery for one in await told(database, member, MUST)] == [Delivery.AT_ONCE]


async def test_choosing_keeps_what_was_not_named_and_the_usual_is_not_kept(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop)
    await choose(database, member, {NEWS.name: Delivery.APP, "gift_received": Delivery.NEVER})
    await choose(database, member, {NEWS.name: NEWS.usual})
    async with database.begin(tenant=coop.tenant_id) as db:
        kept = (await db.execute(text("SELECT kind, delivery FROM notice_choices"))).all()
        assert [tuple(row) for row in kept] == [("gift_received", "never")]
        found = await notice_preferences(db, actor=member.actor)
        other = await notice_preferences(db, actor=coop.manager.actor)
    assert found.deliveries["gift_received"] is Delivery.NEVER
    assert other.deliveries["gift_received"] is Delivery.AT_ONCE
    assert set(found.deliveries) == set(KINDS)


async def test_choices_that_make_no_sense_are_refused(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    with pytest.raises(UnknownNotice):
        await choose(database, coop.manager, {"nothing_of_that_name": Delivery.APP})
    with pytest.raises(QuietHoursUnclear):
        await choose(database, coop.manager, quiet=(time(8), time(8)))
    async with database.begin(tenant=coop.tenant_id) as db:
        for since, until in ((time(8), None), (None, time(8))):
            with pytest.raises(QuietHoursUnclear):
                await change_notice_preferences(
                    db,
                    actor=coop.manager.actor,
                    choices={},
                    quiet_from=since,
                    quiet_until=until,
                    digest=True,
                )


# --- Quiet hours ---------------------------------------------------------------------------------------


def utc(zone: str, *moment: int, fold: int = 0) -> datetime:
    """A moment by the clock on a wall."""
    return datetime(*moment, tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)  # type: ignore[arg-type, misc]


async def evaluated(
    database: Database, expression: ColumnElement[Any], zone: str, quiet: tuple[time, time] | None = None
) -> Any:
    """What an expression of the mails is worth, for a cooperative and a member that exist in this query alone."""
    compiled = expression.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True})  # type: ignore[no-untyped-call]  # SQLAlchemy leaves this untyped.
    since, until = quiet or (None, None)
    query = text(
        f"SELECT {compiled} FROM (SELECT CAST(:zone AS text) AS time_zone) cooperatives, "
        "(SELECT CAST(:since AS time) AS quiet_from, CAST(:until AS time) AS quiet_until) notice_habits"
    )
    async with database.begin() as db:
        return (await db.execute(query, {"zone": zone, "since": since, "until": until})).scalar_one()


@pytest.mark.parametrize(
    ("zone", "quiet", "moment", "expected"),
    [
        ("Europe/Paris", (22, 7), (2026, 1, 5, 22, 0), True),
        ("Europe/Paris", (22, 7), (2026, 1, 5, 21, 59), False),
        ("Europe/Paris", (22, 7), (2026, 1, 6, 0, 0), True),
        ("Europe/Paris", (22, 7), (2026, 1, 6, 6, 59), True),
        ("Europe/Paris", (22, 7), (2026, 1, 6, 7, 0), False),
        ("Europe/Paris", (12, 14), (2026, 7, 6, 13, 30), True),
        ("Europe/Paris", (12, 14), (2026, 7, 6, 14, 0), False),
        ("Europe/Paris", (12, 14), (2026, 7, 6, 11, 59), False),
        # The night on which the clocks go forward, and the one on which they go back.
        ("Europe/Paris", (22, 7), (2026, 3, 29, 3, 0), True),
        ("Europe/Paris", (22, 7), (2026, 3, 29, 7, 0), False),
        ("Europe/Paris", (2, 3), (2026, 3, 29, 3, 0), False),
        ("Europe/Paris", (22, 7), (2026, 10, 25, 2, 30), True),
        ("Europe/Paris", (22, 7), (2026, 10, 25, 6, 59), True),
        ("Europe/Paris", (22, 7), (2026, 10, 25, 7, 0), False),
        ("Indian/Reunion", (22, 7), (2026, 7, 6, 6, 59), True),
        ("America/Cayenne", (22, 7), (2026, 7, 6, 7, 0), False),
        ("America/Cayenne", (22, 7), (2026, 7, 6, 23, 0), True),
    ],
)
async def test_quiet_hours_follow_the_clock_of_the_cooperative(
    database: Database, zone: str, quiet: tuple[int, int], moment: tuple[int, ...], *, expected: bool
) -> None:
    moment_there = literal(utc(zone, *moment), DateTime(timezone=True))
    hours = (time(quiet[0]), time(quiet[1]))
    assert await evaluated(database, is_quiet(moment_there), zone, hours) is expected


async def test_the_hour_that_comes_twice_is_quiet_twice(database: Database) -> None:
    for fold in (0, 1):
        moment = utc("Europe/Paris", 2026, 10, 25, 2, 30, fold=fold)
        quiet = is_quiet(literal(moment, DateTime(timezone=True)))
        assert await evaluated(database, quiet, "Europe/Paris", (time(2), time(3))) is True


def around_now(zone: ZoneInfo = PARIS) -> tuple[time, time]:
    """Quiet hours that hold at this moment, in that zone; both at whole seconds."""
    now = datetime.now(zone)
    return (now - timedelta(hours=2)).time().replace(microsecond=0), (
        (now + timedelta(hours=2)).time().replace(microsecond=0)
    )


async def test_in_quiet_hours_nothing_is_mailed_and_nothing_is_lost(
    database: Database, settings: Settings
) -> None:
    coop = await factories.found_cooperative(database)
    sleeper = await factories.join_member(database, coop)
    awake = await factories.join_member(database, coop)
    await choose(database, sleeper, quiet=around_now())
    event = await tell(database, coop, sleeper.id, awake.id, kind=NEWS.name)
    post = FakePost()
    for _ in range(2):
        async with working(database, coop, settings, post) as db:
            await mail_notices(db, event)
        async with working(database, coop, settings, post) as db:
            await mail_again(db, tick(coop))
    assert [message.to for message in post.sent] == [awake.email]
    # The end of the quiet hours comes: the notice was given within them, an hour ago or less.
    before, after = around_now()
    async with database.begin(tenant=coop.tenant_id) as db:
        ended = (datetime.now(PARIS) - timedelta(minutes=1)).time().replace(microsecond=0)
        await db.execute(update(NoticeHabit).values(quiet_from=before, quiet_until=ended))
        given = datetime.now(UTC) - timedelta(minutes=5)
        await db.execute(update(Notice).where(Notice.kind == NEWS.name).values(created_at=given))
    assert after != ended
    for _ in range(2):
        async with working(database, coop, settings, post) as db:
            await mail_again(db, tick(coop))
    assert [message.to for message in post.sent] == [awake.email, sleeper.email]


async def test_two_workers_never_mail_the_same_notice(database: Database, settings: Settings) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop)
    event = await tell(database, coop, member.id, kind=NEWS.name)
    [notice] = await told(database, member)
    post = FakePost()
    async with working(database, coop, settings, post) as first:
        assert await lock_names(first, [notice.id]) == [notice.id]
        async with working(database, coop, settings, post) as second:
            await mail_notices(second, event)
        assert post.sent == []
        await mail_notices(first, event)
    async with working(database, coop, settings, post) as third:
        await mail_notices(third, event)
    assert [message.to for message in post.sent] == [member.email]


async def test_a_mail_sent_again_after_a_crash_is_the_same_mail(
    database: Database, settings: Settings
) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop)
    event = await tell(database, coop, member.id, kind=NEWS.name)
    post = FakePost()

    async def mail_and_die() -> None:
        async with working(database, coop, settings, post) as db:
            await mail_notices(db, event)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await mail_and_die()
    async with working(database, coop, settings, post) as db:
        await mail_notices(db, event)
    assert len({message.key for message in post.sent}) == 1
    assert post.sent[0].key


async def test_notices_from_before_the_choice_are_mailed_as_they_were_meant(
    database: Database, settings: Settings
) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop)
    event = await tell(database, coop, member.id, kind=NEWS.name)
    async with database.begin(tenant=coop.tenant_id) as db:
        quiet_kind = insert(Notice).from_select(
            ["tenant_id", "batch_id", "membership_id", "kind", "facts"],
            select(
                Notice.tenant_id,
                Notice.batch_id,
                Notice.membership_id,
                literal("bid_withdrawn"),
                Notice.facts,
            ).where(and_(Notice.tenant_id == coop.tenant_id, Notice.kind == NEWS.name)),
        )
        await db.execute(quiet_kind)
        await db.execute(update(Notice).values(delivery=None))
    post = FakePost()
    async with working(database, coop, settings, post) as db:
        await mail_notices(db, event)
    assert len(post.sent) == 1


# --- The page and the API --------------------------------------------------------------------------------


async def test_the_page_keeps_what_is_chosen_and_says_what_is_wrong(
    database: Database, browser: Browser
) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop)
    client = browser(member)
    path = f"/{coop.slug}/notices/preferences"
    page = await client.get(path)
    assert page.status_code == httpx.codes.OK
    assert "assembly_to_sign:" not in page.text
    assert 'value="gift_received:at_once" selected' in page.text
    sent: dict[str, Any] = {
        "choices": ["gift_received:never", "bid_placed:digest"],
        "quiet_from": "22:00",
        "quiet_until": "07:00",
    }
    assert (await client.post(path, data=sent)).status_code == httpx.codes.SEE_OTHER
    page = await client.get(path)
    assert 'value="gift_received:never" selected' in page.text
    assert 'value="bid_placed:digest" selected' in page.text
    assert 'value="22:00" selected' in page.text
    assert "checked" not in page.text
    wrong = await client.post(path, data={"choices": ["gift_received:app"], "quiet_from": "21:00"})
    assert wrong.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert 'value="gift_received:app" selected' in wrong.text
    for broken in ({"choices": ["gift_received:often"]}, {"quiet_from": "25:61", "quiet_until": "x"}):
        assert (await client.post(path, data=broken)).status_code == httpx.codes.UNPROCESSABLE_ENTITY


async def test_the_api_changes_what_is_named(database: Database, browser: Browser) -> None:
    coop = await factories.found_cooperative(database)
    client = browser(coop.manager)
    path = f"/api/v1/{coop.slug}/notices/preferences"
    changed = await client.post(
        path,
        json={"choices": {"gift_received": "app"}, "quiet_from": "21:30:00", "quiet_until": "06:00:00"},
    )
    assert changed.status_code == httpx.codes.OK, changed.text
    read = (await client.get(path)).json()
    assert read == changed.json()
    assert (read["deliveries"]["gift_received"], read["quiet_from"], read["digest"]) == (
        "app",
        "21:30",
        True,
    )
    refused = await client.post(path, json={"choices": {"assembly_to_sign": "never"}})
    assert refused.json()["code"] == "notice_required"


async def test_another_cooperative_sees_no_choice(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    other = await factories.found_cooperative(database)
    await choose(database, coop.manager, {NEWS.name: Delivery.NEVER}, digest=False)
    async with database.begin(tenant=other.tenant_id) as db:
        assert not (await db.scalars(select(NoticeHabit))).all()
        found = await notice_preferences(db, actor=coop.manager.actor)
    assert found.deliveries[NEWS.name] is Delivery.AT_ONCE


async def test_who_left_is_not_mailed_after_their_quiet_hours(database: Database, settings: Settings) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop)
    await choose(database, member, quiet=around_now())
    await tell(database, coop, member.id, kind=NEWS.name)
    async with database.begin(tenant=coop.tenant_id, person=member.person_id) as db:
        await leave_cooperative(db, actor=member.actor)
    async with database.begin(tenant=coop.tenant_id) as db:
        await db.execute(update(NoticeHabit).values(quiet_from=None, quiet_until=None))
        await db.execute(
            update(Notice)
            .where(Notice.kind == NEWS.name)
            .values(created_at=datetime.now(UTC) - timedelta(hours=2))
        )
    post = FakePost()
    async with working(database, coop, settings, post) as db:
        await mail_again(db, tick(coop))
    assert member.email not in {message.to for message in post.sent}


async def test_the_key_of_a_digest_is_made_once(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    async with database.begin(tenant=coop.tenant_id) as db:
        first = await set_habit(db, tenant_id=coop.tenant_id, membership_id=coop.manager.id)
        again = await set_habit(db, tenant_id=coop.tenant_id, membership_id=coop.manager.id, digest=False)
        assert first == again
