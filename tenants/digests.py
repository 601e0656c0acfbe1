"""The digest: one mail in the morning, to a member for whom something new is still unread.

It says what was given before half past seven of this day, by the clock of the cooperative: what waits for an act
first, then the rest. Who has nothing to read gets nothing; what was read on the site is left out; there is one a
day at most, whatever happened to the worker in between. This file must never mail a person twice on one day.
"""

import base64
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from time import monotonic
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    TIMESTAMP,
    ColumnElement,
    Interval,
    Select,
    SQLColumnExpression,
    Time,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    select,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from tenants.events import DigestsLeft
from tenants.notice_kinds import KINDS, Delivery
from tenants.notice_mails import (
    ATTEMPTS_MAX,
    COOPERATIVES,
    MAILS_AT_ONCE,
    MEMBERS,
    SECONDS_AT_ONCE,
    MailTick,
    handed_over,
    is_quiet,
    lock_names,
    note_mails,
)
from tenants.notice_preferences import KEY_BYTES, NoticeHabit, set_habit
from tenants.notices import Notice, path_of, sentence_of
from tenants.platform.database import work_for
from tenants.platform.errors import NotFound
from tenants.platform.ids import CooperativeId
from tenants.platform.mail import Message
from tenants.platform.outbox import emit
from tenants.platform.settings import Settings
from tenants.platform.words import _, day, ngettext, use_locale

AT: Final = time(7, 30)
LINES_MAX: Final = 30
# What nobody was told of for so long is no news any more.
FRESH: Final = timedelta(days=14)


async def mail_digests(db: AsyncSession, event: MailTick | DigestsLeft) -> None:
    """Send the digests of this day that were not sent yet, a few at a time: hears MailTick and DigestsLeft."""
    first_time = isinstance(event, DigestsLeft)
    query = _waiting(event.tenant_id)
    if first_time:
        query = query.having(func.max(Notice.mail_attempts) == 0)
    found = (await db.execute(query.limit(MAILS_AT_ONCE + 1))).all()
    mine = await lock_names(db, [row.id for row in found[:MAILS_AT_ONCE]])
    rows = (await db.execute(query.where(MEMBERS.c.id.in_(mine)))).all() if mine else ()
    until = monotonic() + SECONDS_AT_ONCE
    done = 0
    for row in rows:
        if monotonic() > until:
            break
        await _send(db, event.tenant_id, row)
        done += 1
    if done and (done < len(rows) or len(found) > MAILS_AT_ONCE):
        await emit(db, DigestsLeft(tenant_id=CooperativeId(event.tenant_id)))


def latest(moment: time, now: SQLColumnExpression[datetime]) -> ColumnElement[datetime]:
    """The latest moment, not after ``now``, at which the cooperative's clock showed this time, in SQL."""
    zone = COOPERATIVES.c.time_zone
    midnight = cast(func.date_trunc("day", func.timezone(zone, now)), TIMESTAMP)
    clock = cast(literal(moment, Time), Interval)
    today = func.timezone(zone, midnight + clock)
    yesterday = func.timezone(zone, midnight - literal(timedelta(days=1), Interval) + clock)
    return case((today <= now, today), else_=yesterday)


def _news(tenant_id: UUID) -> ColumnElement[bool]:
    """Which notices a digest of now says; of the member and cooperative to which they are joined."""
    return and_(
        Notice.tenant_id == tenant_id,
        Notice.membership_id == MEMBERS.c.id,
        Notice.delivery == Delivery.DIGEST,
        Notice.mailed_at.is_(None),
        Notice.read_at.is_(None),
        Notice.mail_attempts < ATTEMPTS_MAX,
        Notice.created_at < latest(AT, func.now()),
        Notice.created_at > func.now() - FRESH,
    )


def _waiting(tenant_id: UUID) -> Select[Any]:
    """The members who are owed a digest now: something to say, none yet since this morning, no quiet hours."""
    told = aliased(Notice)
    already = exists().where(
        told.tenant_id == tenant_id,
        told.membership_id == MEMBERS.c.id,
        told.delivery == Delivery.DIGEST,
        told.mailed_at >= latest(AT, func.now()),
    )
    of_member = (
        MEMBERS.c.id,
        MEMBERS.c.display_name,
        MEMBERS.c.contact_email,
        COOPERATIVES.c.slug,
        COOPERATIVES.c.name,
        COOPERATIVES.c.time_zone,
    )
    return (
        select(
            *of_member,
            latest(AT, func.now()).label("morning"),
            func.array_agg(Notice.id).label("notice_ids"),
            func.locale_of_member(MEMBERS.c.id).label("locale"),
        )
        .select_from(MEMBERS)
        .join(COOPERATIVES, COOPERATIVES.c.tenant_id == MEMBERS.c.tenant_id)
        .join(Notice, _news(tenant_id))
        .outerjoin(
            NoticeHabit,
            and_(NoticeHabit.tenant_id == tenant_id, NoticeHabit.membership_id == MEMBERS.c.id),
        )
        .where(
            MEMBERS.c.tenant_id == tenant_id,
            MEMBERS.c.state == "active",
            # Nobody has claimed the mailbox of a member without a computer yet.
            MEMBERS.c.person_id.is_not(None),
            func.coalesce(NoticeHabit.digest, True),
            ~is_quiet(func.now()),
            ~already,
        )
        .group_by(*of_member)
        .order_by(func.max(Notice.mail_attempts), MEMBERS.c.id)
    )


async def _send(db: AsyncSession, tenant_id: UUID, row: Any) -> None:
    """Send one member's digest, and write down what it told."""
    query = select(Notice).where(Notice.tenant_id == tenant_id, Notice.id.in_(row.notice_ids))
    told = (await db.scalars(query.order_by(Notice.id))).all()
    key = await set_habit(db, tenant_id=tenant_id, membership_id=row.id)
    settings: Settings = db.info["settings"]
    with use_locale(row.locale, row.time_zone):
        message = Message(
            to=row.contact_email,
            to_name=row.display_name,
            subject=_("{cooperative} – du nouveau pour vous", cooperative=row.name),
            text=_body(settings.base_url, row, told),
            key=f"digest {row.id} {row.morning:%Y-%m-%d}",
            stop=f"{settings.base_url}/mail/stop/{stop_token(tenant_id, row.id, key)}",
        )
    ids = [one.id for one in told]
    sent = await handed_over(db, message, about=f"digest {row.id}")
    await note_mails(db, tenant_id=tenant_id, tried=ids, sent=ids if sent else [])


def _body(base_url: str, row: Any, told: Sequence[Notice]) -> str:
    """The text of a digest: what waits for an act, then what is good to know, the newest first."""
    home = f"{base_url}/{row.slug}"
    waits = [one for one in told if (kind := KINDS.get(one.kind)) and kind.waits]
    rest = [one for one in reversed(told) if one not in waits]
    paragraphs = [
        _("Bonjour {name},", name=row.display_name),
        _("Voici ce qui vous attend à {cooperative}, ce {day}.", cooperative=row.name, day=day(row.morning)),
    ]
    shown = 0
    for title, part in ((_("À faire"), waits), (_("À savoir"), rest)):
        listed = part[: LINES_MAX - shown]
        shown += len(listed)
        if listed:
            paragraphs.append(f"{title}\n\n" + "\n".join(_lines(base_url, row.slug, listed)))
    if more := len(told) - shown:
        paragraphs.append(
            ngettext(
                "Et {n} autre notification sur le site.", "Et {n} autres notifications sur le site.", more
            )
        )
    paragraphs.append(
        _("Vos notifications : {link}", link=f"{home}/notices")
        + "\n"
        + _("Choisir ce qui part par courriel, et quand : {link}", link=f"{home}/notices/preferences")
    )
    return "\n\n".join(paragraphs) + "\n"


def _lines(base_url: str, slug: str, told: Sequence[Notice]) -> list[str]:
    """One line for each page with the same thing to say, and its address under it."""
    said: dict[tuple[str, str], int] = {}
    for one in told:
        place = (sentence_of(one), path_of(one, slug=slug))
        said[place] = said.get(place, 0) + 1
    return [
        f"– {sentence}{f' (× {times})' if times > 1 else ''}\n  {base_url}{path}"
        for (sentence, path), times in said.items()
    ]


# --- The way to stop it --------------------------------------------------------------------------------


def stop_token(tenant_id: UUID, membership_id: UUID, key: bytes) -> str:
    """What a mailed link brings to stop this member's digest."""
    return base64.urlsafe_b64encode(tenant_id.bytes + membership_id.bytes + key).decode()


@dataclass(frozen=True, slots=True)
class Stopping:
    """Whose digest a link would stop: the cooperative's name and slug, and the member."""

    tenant_id: UUID
    membership_id: UUID
    cooperative: str
    slug: str


async def look_at_stop(db: AsyncSession, *, token: str) -> Stopping:
    """What a link would stop, without doing it; the transaction works for that cooperative then. Raises NotFound."""
    try:
        raw = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
    except (ValueError, UnicodeError):
        raise NotFound from None
    if len(raw) != 32 + KEY_BYTES:
        raise NotFound
    tenant_id, membership_id = UUID(bytes=raw[:16]), UUID(bytes=raw[16:32])
    await work_for(db, tenant=tenant_id, person=None)
    query = select(NoticeHabit.digest_key, COOPERATIVES.c.name, COOPERATIVES.c.slug).where(
        NoticeHabit.tenant_id == tenant_id,
        NoticeHabit.membership_id == membership_id,
        COOPERATIVES.c.tenant_id == NoticeHabit.tenant_id,
    )
    row = (await db.execute(query)).one_or_none()
    if row is None or not secrets.compare_digest(row.digest_key, raw[32:]):
        raise NotFound
    return Stopping(tenant_id, membership_id, row.name, row.slug)


async def stop_digest(db: AsyncSession, *, token: str) -> Stopping:
    """Stop a member's digest: what would have been in it stays on the site. Twice changes nothing. Raises NotFound."""
    stopping = await look_at_stop(db, token=token)
    await set_habit(db, tenant_id=stopping.tenant_id, membership_id=stopping.membership_id, digest=False)
    return stopping
