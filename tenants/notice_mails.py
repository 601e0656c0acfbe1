"""Notices by mail at once: each in the member's own language, and again later when the post was away.

The event of a batch sends it; what could not be sent, or had to wait for the end of somebody's quiet hours, is
sent by the clock, for three days. A mail that fails never takes the notice away. Before a notice is mailed, its
number is locked, so two workers never mail the same; a worker that dies between the post and its COMMIT mails it
again under the same Message-ID. This file must never log an address, and holds no row while it talks to the post.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from time import monotonic
from typing import Any, Final
from uuid import UUID

import aiosmtplib
import structlog
from sqlalchemy import (
    ColumnElement,
    Select,
    SQLColumnExpression,
    Text,
    Time,
    and_,
    bindparam,
    case,
    cast,
    column,
    func,
    or_,
    select,
    table,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.events import NoticesGiven
from tenants.notice_kinds import KINDS, Delivery
from tenants.notice_preferences import NoticeHabit
from tenants.notices import Notice, path_of, sentence_of
from tenants.platform.clock import Tick
from tenants.platform.mail import BadAddress, Message, post_of
from tenants.platform.outbox import emit
from tenants.platform.settings import Settings
from tenants.platform.words import _, use_locale

MAILS_AT_ONCE: Final = 20
# A transaction may not sit idle for long: what is left after this time goes into the next event.
SECONDS_AT_ONCE: Final = 4.0
ATTEMPTS_MAX: Final = 10
TRIED_FOR: Final = timedelta(days=3)
# By then the event of a batch has been heard, or its message was lost on the way.
OVERDUE: Final = timedelta(hours=1)

log = structlog.get_logger(__name__)

MEMBERS: Final = table(
    "memberships",
    column("tenant_id"),
    column("id"),
    column("state"),
    column("display_name"),
    column("contact_email"),
    column("person_id"),
)
COOPERATIVES: Final = table(
    "cooperatives", column("tenant_id"), column("slug"), column("name"), column("time_zone")
)
# A number belongs to whoever locks it first, until their transaction ends; nobody waits for it.
_LOCK: Final = text("""
    SELECT name FROM unnest(:names) AS name
    WHERE pg_try_advisory_xact_lock(hashtextextended('notice_mail:' || name, 0))
""").bindparams(bindparam("names", type_=ARRAY(Text)))


class MailTick(Tick, frozen=True, kw_only=True):
    """It is time for the mails that waited: those that could not be sent, quiet hours that end, the digest."""


async def mail_notices(db: AsyncSession, event: NoticesGiven) -> None:
    """Send the mails of a batch, a few at a time: hears NoticesGiven, and emits it again for what is left."""
    first = and_(Notice.batch_id == event.batch_id, Notice.mail_attempts == 0)
    if await _send_some(db, tenant_id=event.tenant_id, which=first):
        await emit(db, event)


async def mail_again(db: AsyncSession, event: MailTick) -> None:
    """Send what could not be sent before, and what waited for the end of quiet hours: hears MailTick."""
    untried = Notice.mail_attempts == 0
    overdue = and_(untried, Notice.created_at < func.now() - OVERDUE)
    waited = and_(untried, is_quiet(Notice.created_at))
    again = or_(Notice.mail_attempts.between(1, ATTEMPTS_MAX - 1), overdue, waited)
    await _send_some(
        db, tenant_id=event.tenant_id, which=and_(again, Notice.created_at > func.now() - TRIED_FOR)
    )


def is_quiet(moment: SQLColumnExpression[datetime]) -> ColumnElement[bool]:
    """Whether a moment falls into the member's quiet hours, by the clock of the cooperative, in SQL."""
    clock = cast(func.timezone(COOPERATIVES.c.time_zone, moment), Time)
    since, until = NoticeHabit.quiet_from, NoticeHabit.quiet_until
    return case(
        (since.is_(None), False),
        (since < until, and_(clock >= since, clock < until)),
        else_=or_(clock >= since, clock < until),
    )


async def lock_names(db: AsyncSession, names: Sequence[UUID]) -> list[UUID]:
    """Those of the ids that nobody else is mailing about; they are this transaction's until it ends."""
    if not names:
        return []
    return [UUID(name) for name in await db.scalars(_LOCK, {"names": [str(name) for name in names]})]


async def _send_some(db: AsyncSession, *, tenant_id: UUID, which: ColumnElement[bool]) -> bool:
    """Send at most ``MAILS_AT_ONCE`` of these notices; return whether some were not even tried."""
    query = _waiting(tenant_id).where(which).order_by(Notice.mail_attempts, Notice.id)
    found = (await db.scalars(query.with_only_columns(Notice.id).limit(MAILS_AT_ONCE + 1))).all()
    mine = await lock_names(db, found[:MAILS_AT_ONCE])
    # Read again under the lock: another may have mailed some of them a moment ago.
    rows = (await db.execute(query.where(Notice.id.in_(mine)))).all()
    until = monotonic() + SECONDS_AT_ONCE
    sent: list[UUID] = []
    tried: list[UUID] = []
    for row in rows:
        if monotonic() > until:
            break
        tried.append(row.Notice.id)
        if await _send(db, row):
            sent.append(row.Notice.id)
    await note_mails(db, tenant_id=tenant_id, tried=tried, sent=sent)
    return len(tried) < len(rows) or len(found) > MAILS_AT_ONCE


async def note_mails(
    db: AsyncSession, *, tenant_id: UUID, tried: Sequence[UUID], sent: Sequence[UUID]
) -> None:
    """Write down which notices were mailed, and that the others were tried."""
    if tried:
        await db.execute(
            update(Notice)
            .where(Notice.tenant_id == tenant_id, Notice.id.in_(tried))
            .values(
                mail_attempts=Notice.mail_attempts + 1,
                mailed_at=case((Notice.id.in_(sent), func.now()), else_=None),
            ),
            execution_options={"synchronize_session": False},
        )


def _waiting(tenant_id: UUID) -> Select[Any]:
    """The notices to be mailed at once to members who may be mailed to now."""
    usually = [kind.name for kind in KINDS.values() if kind.usual is Delivery.AT_ONCE]
    return (
        select(
            Notice,
            MEMBERS.c.display_name,
            MEMBERS.c.contact_email,
            COOPERATIVES.c.slug,
            COOPERATIVES.c.name.label("cooperative"),
            COOPERATIVES.c.time_zone,
            func.locale_of_member(Notice.membership_id).label("locale"),
        )
        .join(MEMBERS, and_(MEMBERS.c.tenant_id == Notice.tenant_id, MEMBERS.c.id == Notice.membership_id))
        .join(COOPERATIVES, COOPERATIVES.c.tenant_id == Notice.tenant_id)
        .outerjoin(
            NoticeHabit,
            and_(
                NoticeHabit.tenant_id == Notice.tenant_id, NoticeHabit.membership_id == Notice.membership_id
            ),
        )
        .where(
            Notice.tenant_id == tenant_id,
            Notice.mailed_at.is_(None),
            or_(
                Notice.delivery == Delivery.AT_ONCE,
                and_(Notice.delivery.is_(None), Notice.kind.in_(usually)),
            ),
            # Read in the app meanwhile, or the member left: nothing to send any more.
            Notice.read_at.is_(None),
            MEMBERS.c.state == "active",
            # Nobody has claimed the mailbox of a member without a computer yet.
            MEMBERS.c.person_id.is_not(None),
            ~is_quiet(func.now()),
        )
    )


async def _send(db: AsyncSession, row: Any) -> bool:
    """Send one mail; False when the post would not take it."""
    settings: Settings = db.info["settings"]
    home = f"{settings.base_url}/{row.slug}"
    with use_locale(row.locale, row.time_zone):
        sentence = sentence_of(row.Notice)
        message = Message(
            to=row.contact_email,
            to_name=row.display_name,
            subject=f"{row.cooperative} – {sentence}",
            text=_(
                "Bonjour {name},\n\n{sentence}\n{link}\n\nVos notifications : {notices}\n"
                "Choisir ce qui part par courriel, et quand : {preferences}\n",
                name=row.display_name,
                sentence=sentence,
                link=f"{settings.base_url}{path_of(row.Notice, slug=row.slug)}",
                notices=f"{home}/notices",
                preferences=f"{home}/notices/preferences",
            ),
            key=f"notice {row.Notice.id}",
        )
    return await handed_over(db, message, about=str(row.Notice.id))


async def handed_over(db: AsyncSession, message: Message, *, about: str) -> bool:
    """Give a mail to the post; False, and a line in the log without an address, when it would not take it."""
    try:
        await post_of(db).send(message)
    except (BadAddress, OSError, aiosmtplib.SMTPException) as error:
        log.warning("notice_not_mailed", notice=about, reason=type(error).__name__)
        return False
    return True
