"""Notices: told with what they tell, read by their reader alone, mailed once in the reader's language."""

from collections.abc import Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text

from tenants.events import NoticesGiven
from tenants.memberships import leave_cooperative
from tenants.notice_mails import MAILS_AT_ONCE, MailTick, mail_again, mail_notices
from tenants.notices import (
    KINDS,
    Notice,
    NoticeKind,
    declare_notices,
    notices,
    notify,
    notify_members,
    path_of,
    read_all_notices,
    read_notice,
    sentence_of,
    unread_notices,
)
from tenants.platform.database import Database
from tenants.platform.errors import NotAllowed, NotFound
from tenants.platform.mail import BadAddress, Message
from tenants.platform.outbox import OutboxRow
from tenants.platform.settings import Settings
from tenants.platform.words import use_locale
from tests import factories
from tests.conftest import OpenAs

HOURS = NoticeKind(
    "essais_heures", "Vous avez {given_minutes} du {given_on}, vu le {seen_at}.", "/hours/{transfer}"
)
SILENT = NoticeKind("essais_sans_courriel", "Rien à envoyer.", "/hours", mailed=False)
declare_notices(HOURS, SILENT)

FACTS: dict[str, Any] = {
    "given_minutes": 150,
    "given_on": date(2026, 3, 1),
    "seen_at": datetime(2026, 3, 2, 9, 5, tzinfo=UTC),
    "transfer": UUID(int=7),
}


class FakePost:
    """A post that keeps what it is given, and refuses some addresses."""

    def __init__(self, *, failing: Sequence[str] = ()) -> None:
        self.sent: list[Message] = []
        self.failing = set(failing)

    async def send(self, message: Message) -> None:
        if message.to in self.failing:
            raise BadAddress(message.to)
        self.sent.append(message)


async def tell(
    database: Database, coop: factories.Founded, *members: UUID, kind: str = HOURS.name
) -> NoticesGiven:
    async with database.begin(tenant=coop.tenant_id) as db:
        await notify_members(db, tenant_id=coop.tenant_id, membership_ids=members, kind=kind, facts=FACTS)
        batch = await db.scalar(
            select(Notice.batch_id)
            .where(Notice.tenant_id == coop.tenant_id)
            .order_by(Notice.id.desc())
            .limit(1)
        )
    assert batch is not None
    return NoticesGiven(tenant_id=coop.tenant_id, batch_id=batch)


@asynccontextmanager
async def working(database: Database, coop: factories.Founded, settings: Settings, post: FakePost) -> Any:
    """A subscriber's transaction, with the tools that the worker gives it."""
    async with database.begin(tenant=coop.tenant_id) as db:
        db.info.update(settings=settings, post=post)
        yield db


def test_a_notice_is_said_in_the_readers_language_and_leads_somewhere() -> None:
    stored = {
        "given_minutes": 150,
        "given_on": "2026-03-01",
        "seen_at": "2026-03-02T09:05:00Z",
        "transfer": "t-7",
    }
    notice = Notice(kind=HOURS.name, facts=stored)
    with use_locale("fr", "Europe/Paris"):
        assert sentence_of(notice) == (
            "Vous avez 2\u00a0h\u00a030 du 1er\u00a0mars 2026, vu le 2\u00a0mars 2026 à 10\u00a0h\u00a005.".replace(
                "2\u00a0mars", "2 mars"
            )
        )
    assert path_of(notice, slug="vent") == "/vent/hours/t-7"


def test_a_kind_this_version_does_not_know_still_says_something() -> None:
    for notice in (Notice(kind="essais_disparu", facts={}), Notice(kind=HOURS.name, facts={})):
        assert sentence_of(notice)
        assert path_of(notice, slug="vent") == "/vent"


def test_every_declared_kind_can_be_said_and_leads_into_the_cooperative() -> None:
    for kind in KINDS.values():
        assert kind.path.startswith("/")
        facts = {
            name: "2026-03-01T10:00:00Z" if name.endswith("_at") else "2026-03-01"
            for name in kind.missing({})
        }
        assert "{" not in sentence_of(Notice(kind=kind.name, facts=facts))
        assert "{" not in path_of(Notice(kind=kind.name, facts=facts), slug="vent")


async def test_a_kind_undeclared_or_without_its_facts_is_a_programmers_error(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    async with database.begin(tenant=coop.tenant_id) as db:
        for kind, facts in (("essais_inconnu", FACTS), (HOURS.name, {"given_minutes": 1})):
            with pytest.raises(AssertionError):
                await notify(
                    db, tenant_id=coop.tenant_id, membership_id=coop.manager.id, kind=kind, facts=facts
                )


async def test_a_member_reads_their_own_notices_newest_first_and_nobody_elses(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop)
    for _ in range(3):
        await tell(database, coop, member.id)
    async with database.begin(tenant=coop.tenant_id) as db:
        mine = await notices(db, actor=member.actor)
        assert [notice.membership_id for notice in mine] == [member.id] * 3
        assert mine[0].id > mine[1].id > mine[2].id
        assert [
            notice.id for notice in await notices(db, actor=member.actor, before=mine[0].id, limit=1)
        ] == [mine[1].id]
        assert await unread_notices(db, actor=member.actor) == 3
        with pytest.raises(NotAllowed):
            await notices(db, actor=coop.system)
        with pytest.raises(NotFound):
            await read_notice(db, actor=coop.manager.actor, notice_id=mine[0].id)
    async with database.begin(tenant=coop.tenant_id) as db:
        read = await read_notice(db, actor=member.actor, notice_id=mine[0].id)
        assert read.read_at is not None
        again = await read_notice(db, actor=member.actor, notice_id=mine[0].id)
        assert again.read_at == read.read_at
        assert [notice.id for notice in await notices(db, actor=member.actor, unread=True)] == [
            mine[1].id,
            mine[2].id,
        ]


async def test_reading_all_stops_at_what_the_page_showed(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop)
    other = await factories.join_member(database, coop)
    await tell(database, coop, member.id, other.id)
    await tell(database, coop, member.id)
    async with database.begin(tenant=coop.tenant_id) as db:
        shown = (await notices(db, actor=member.actor))[0].id
    await tell(database, coop, member.id)
    async with database.begin(tenant=coop.tenant_id) as db:
        assert await read_all_notices(db, actor=member.actor, newest=shown) == 2
        assert await unread_notices(db, actor=member.actor) == 1
        assert await unread_notices(db, actor=other.actor) == 1
        assert await read_all_notices(db, actor=member.actor) == 1


async def test_telling_everybody_reaches_active_members_with_one_event(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    stays = await factories.join_member(database, coop)
    leaves = await factories.join_member(database, coop)
    async with database.begin(tenant=coop.tenant_id, person=leaves.person_id) as db:
        await leave_cooperative(db, actor=leaves.actor)
    async with database.begin(tenant=coop.tenant_id) as db:
        await notify_members(db, tenant_id=coop.tenant_id, membership_ids=None, kind=HOURS.name, facts=FACTS)
        told = set(await db.scalars(select(Notice.membership_id).where(Notice.kind == HOURS.name)))
        batches = (
            await db.scalars(select(Notice.batch_id).where(Notice.kind == HOURS.name).distinct())
        ).all()
        events = await db.scalars(select(OutboxRow.facts).where(OutboxRow.kind == "NoticesGiven"))
        assert [event["batch_id"] for event in events if event["batch_id"] == str(batches[0])] == [
            str(batches[0])
        ]
    assert told == {coop.manager.id, stays.id}
    assert len(batches) == 1


async def test_a_notice_that_is_not_mailed_emits_nothing(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    async with database.begin(tenant=coop.tenant_id) as db:
        before = len((await db.scalars(select(OutboxRow.id))).all())
        await notify(db, tenant_id=coop.tenant_id, membership_id=coop.manager.id, kind=SILENT.name, facts={})
        assert len((await db.scalars(select(OutboxRow.id))).all()) == before


async def test_what_is_rolled_back_tells_nobody(database: Database) -> None:
    coop = await factories.found_cooperative(database)

    async def fail() -> None:
        async with database.begin(tenant=coop.tenant_id) as db:
            await notify(
                db, tenant_id=coop.tenant_id, membership_id=coop.manager.id, kind=SILENT.name, facts={}
            )
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with database.begin(tenant=coop.tenant_id) as db:
        assert SILENT.name not in {notice.kind for notice in await notices(db, actor=coop.manager.actor)}


# --- Mail --------------------------------------------------------------------------------------------


async def test_a_mail_says_the_notice_in_the_members_language_with_its_link(
    database: Database, settings: Settings
) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop, name="Rose Lemoine")
    async with database.begin(person=member.person_id) as db:
        await db.execute(text("UPDATE people SET locale = 'en'"))
    event = await tell(database, coop, coop.manager.id, member.id)
    post = FakePost()
    async with working(database, coop, settings, post) as db:
        await mail_notices(db, event)
    french, english = sorted(post.sent, key=lambda message: message.to_name)
    assert (french.to, english.to) == (coop.manager.email, member.email)
    assert "2\u00a0h\u00a030" in french.text
    assert "2\u00a0h\u00a030\u00a0min" in english.text
    assert english.text.startswith("Hello Rose Lemoine,")
    assert f"{settings.base_url}/{coop.slug}/hours/{UUID(int=7)}\n" in english.text
    assert "\n" not in french.subject


async def test_the_same_event_heard_twice_mails_once(database: Database, settings: Settings) -> None:
    coop = await factories.found_cooperative(database)
    event = await tell(database, coop, coop.manager.id)
    post = FakePost()
    for _ in range(2):
        async with working(database, coop, settings, post) as db:
            await mail_notices(db, event)
        async with working(database, coop, settings, post) as db:
            await mail_again(db, MailTick(tenant_id=coop.tenant_id, due_at=datetime.now(UTC)))
    assert [message.to for message in post.sent] == [coop.manager.email]


async def test_a_mail_that_fails_loses_no_notice_and_is_tried_again(
    database: Database, settings: Settings
) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop)
    event = await tell(database, coop, coop.manager.id, member.id)
    away = FakePost(failing=[member.email])
    async with working(database, coop, settings, away) as db:
        await mail_notices(db, event)
    assert [message.to for message in away.sent] == [coop.manager.email], (
        "one failure stops nobody else's mail"
    )
    async with database.begin(tenant=coop.tenant_id) as db:
        (waiting,) = [notice for notice in await notices(db, actor=member.actor) if notice.kind == HOURS.name]
        assert (waiting.mailed_at, waiting.mail_attempts, waiting.read_at) == (None, 1, None)
    back = FakePost()
    async with working(database, coop, settings, back) as db:
        await mail_again(db, MailTick(tenant_id=coop.tenant_id, due_at=datetime.now(UTC)))
    assert [message.to for message in back.sent] == [member.email]
    async with database.begin(tenant=coop.tenant_id) as db:
        (sent,) = [notice for notice in await notices(db, actor=member.actor) if notice.kind == HOURS.name]
    assert sent.mailed_at is not None


async def test_a_notice_read_meanwhile_or_of_a_member_who_left_is_not_mailed(
    database: Database, settings: Settings
) -> None:
    coop = await factories.found_cooperative(database)
    reader = await factories.join_member(database, coop)
    leaves = await factories.join_member(database, coop)
    event = await tell(database, coop, reader.id, leaves.id)
    async with database.begin(tenant=coop.tenant_id, person=reader.person_id) as db:
        await read_all_notices(db, actor=reader.actor)
    async with database.begin(tenant=coop.tenant_id, person=leaves.person_id) as db:
        await leave_cooperative(db, actor=leaves.actor)
    post = FakePost()
    async with working(database, coop, settings, post) as db:
        await mail_notices(db, event)
    assert post.sent == []


async def test_a_large_batch_is_mailed_piece_by_piece(database: Database, settings: Settings) -> None:
    coop = await factories.found_cooperative(database)
    async with database.begin(tenant=coop.tenant_id) as db:
        for _ in range(MAILS_AT_ONCE + 5):
            await notify(
                db, tenant_id=coop.tenant_id, membership_id=coop.manager.id, kind=HOURS.name, facts=FACTS
            )
        batch = UUID(int=coop.tenant_id.int ^ 1)
        await db.execute(
            text("UPDATE notices SET batch_id = :batch WHERE kind = :kind"),
            {"batch": batch, "kind": HOURS.name},
        )
    event = NoticesGiven(tenant_id=coop.tenant_id, batch_id=batch)
    post = FakePost()
    async with working(database, coop, settings, post) as db:
        await mail_notices(db, event)
        again = await db.scalars(select(OutboxRow.facts).where(OutboxRow.kind == "NoticesGiven"))
        assert [facts for facts in again if facts["batch_id"] == str(batch)], "the rest is announced anew"
    assert len(post.sent) == MAILS_AT_ONCE
    async with working(database, coop, settings, post) as db:
        await mail_notices(db, event)
    assert len(post.sent) == MAILS_AT_ONCE + 5


async def test_notices_are_not_seen_from_elsewhere(database: Database, db_as: OpenAs) -> None:
    coop = await factories.found_cooperative(database)
    other = await factories.found_cooperative(database)
    await tell(database, coop, coop.manager.id)
    async with database.begin(tenant=other.tenant_id) as db:
        assert not await notices(db, actor=coop.manager.actor)
    async with db_as("app") as db:
        assert not (await db.scalars(select(Notice))).all()
