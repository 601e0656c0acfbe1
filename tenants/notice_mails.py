"""Notices by mail: each in the member's own language, once, and again later when the post was away.

The event of a batch sends it; what could not be sent is tried again by the clock, for three days. A mail that fails
never takes the notice away. This file must never log an address, and holds no lock while it talks to the post.
"""

from collections.abc import Sequence
from datetime import timedelta
from time import monotonic
from typing import Any, Final
from uuid import UUID

import aiosmtplib
import structlog
from sqlalchemy import ColumnElement, and_, case, column, func, or_, select, table, update
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.events import NoticesGiven
from tenants.notices import KINDS, Notice, path_of, sentence_of
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

_MEMBERS = table(
    "memberships",
    column("tenant_id"),
    column("id"),
    column("state"),
    column("display_name"),
    column("contact_email"),
)
_COOPERATIVES = table(
    "cooperatives", column("tenant_id"), column("slug"), column("name"), column("time_zone")
)


class MailTick(Tick, frozen=True, kw_only=True):
    """It is time to try again the mails that could not be sent."""


async def mail_notices(db: AsyncSession, event: NoticesGiven) -> None:
    """Send the mails of a batch, a few at a time: hears NoticesGiven, and emits it again for what is left."""
    first = and_(Notice.batch_id == event.batch_id, Notice.mail_attempts == 0)
    if await _send_some(db, tenant_id=event.tenant_id, which=first):
        await emit(db, event)


async def mail_again(db: AsyncSession, event: MailTick) -> None:
    """Try again what could not be sent: hears MailTick."""
    overdue = and_(Notice.mail_attempts == 0, Notice.created_at < func.now() - OVERDUE)
    again = or_(Notice.mail_attempts.between(1, ATTEMPTS_MAX - 1), overdue)
    await _send_some(
        db, tenant_id=event.tenant_id, which=and_(again, Notice.created_at > func.now() - TRIED_FOR)
    )


async def _send_some(db: AsyncSession, *, tenant_id: UUID, which: ColumnElement[bool]) -> bool:
    """Send at most ``MAILS_AT_ONCE`` of these notices; return whether some were not even tried."""
    rows = await _waiting(db, tenant_id=tenant_id, which=which)
    until = monotonic() + SECONDS_AT_ONCE
    sent: list[UUID] = []
    tried: list[UUID] = []
    for row in rows[:MAILS_AT_ONCE]:
        if monotonic() > until:
            break
        tried.append(row.Notice.id)
        if await _send(db, row):
            sent.append(row.Notice.id)
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
    return len(tried) < len(rows)


async def _waiting(db: AsyncSession, *, tenant_id: UUID, which: ColumnElement[bool]) -> Sequence[Any]:
    query = (
        select(
            Notice,
            _MEMBERS.c.display_name,
            _MEMBERS.c.contact_email,
            _COOPERATIVES.c.slug,
            _COOPERATIVES.c.name.label("cooperative"),
            _COOPERATIVES.c.time_zone,
            func.locale_of_member(Notice.membership_id).label("locale"),
        )
        .join(_MEMBERS, and_(_MEMBERS.c.tenant_id == Notice.tenant_id, _MEMBERS.c.id == Notice.membership_id))
        .join(_COOPERATIVES, _COOPERATIVES.c.tenant_id == Notice.tenant_id)
        .where(
            Notice.tenant_id == tenant_id,
            Notice.mailed_at.is_(None),
            Notice.kind.in_([kind.name for kind in KINDS.values() if kind.mailed]),
            # Read in the app meanwhile, or the member left: nothing to send any more.
            Notice.read_at.is_(None),
            _MEMBERS.c.state == "active",
            which,
        )
        .order_by(Notice.mail_attempts, Notice.id)
        .limit(MAILS_AT_ONCE + 1)
    )
    return (await db.execute(query)).all()


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
                "Bonjour {name},\n\n{sentence}\n{link}\n\nVos avis : {notices}\n",
                name=row.display_name,
                sentence=sentence,
                link=f"{settings.base_url}{path_of(row.Notice, slug=row.slug)}",
                notices=f"{home}/notices",
            ),
        )
    try:
        await post_of(db).send(message)
    except (BadAddress, OSError, aiosmtplib.SMTPException) as error:
        log.warning("notice_not_mailed", notice=str(row.Notice.id), reason=type(error).__name__)
        return False
    return True
