"""Forgetting: the clock's work on erasures that are due. It obeys ``tenants.personal``, table by table.

One transaction forgets one membership or one person whole. The register's chain, the ledger and the audit trail are
left as they are: they hold ids, salted commitments and pseudonyms. This file must never choose whom to forget.
"""

from collections.abc import Iterator
from typing import Final, cast

import aiosmtplib
import structlog
from sqlalchemy import Uuid, bindparam, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from tenants import audit
from tenants.actors import Actor
from tenants.cooperatives import cooperative_of
from tenants.erasures import (
    AskedBy,
    Erasure,
    PersonErasure,
    came_back,
    new_pseudonym,
    schedule_erasure,
)
from tenants.events import MembershipErased, PersonErasureDue
from tenants.house_rules import ERASURE_WAIT, FORMER_MEMBERS
from tenants.mail_links import NO_COOPERATIVE
from tenants.memberships import Membership, MembershipState
from tenants.people import Person, my_memberships
from tenants.personal import HOLDINGS, By, Fate, Holding
from tenants.platform.clock import Tick
from tenants.platform.database import Base, work_for
from tenants.platform.ids import CooperativeId, MembershipId, PersonId
from tenants.platform.mail import BadAddress, Message, Post
from tenants.platform.outbox import emit
from tenants.platform.words import _, use_locale
from tenants.rulebook import rules_in_force

AT_ONCE: Final = 10

log = structlog.get_logger(__name__)


class ErasuresDue(Tick, frozen=True, kw_only=True):
    """It is time to see whose waiting time is over, and which former members the rule no longer keeps."""


# --- One membership, one person ----------------------------------------------------------------------


def _statements(holdings: list[Holding]) -> Iterator[tuple[By, str]]:
    """What to run, children before the tables they refer to. Names and expressions are our own declarations."""
    order = {table.name: place for place, table in enumerate(reversed(Base.metadata.sorted_tables))}
    for one in sorted(holdings, key=lambda holding: order[holding.table]):
        tenanted = "tenant_id" in Base.metadata.tables[one.table].columns
        scope = "t.tenant_id = :tenant AND" if tenanted else ""
        where = f"{scope} ({one.condition}) AND ({one.only})"
        if one.fate is Fate.DELETED:
            yield one.by, f"DELETE FROM {one.table} AS t WHERE {where}"  # noqa: S608
        elif one.fate is Fate.CHANGED:
            changes = ", ".join(f"{column} = {value}" for column, value in one.changes.items())
            yield one.by, f"UPDATE {one.table} AS t SET {changes} WHERE {where}"  # noqa: S608


def _is_tenanted(one: Holding) -> bool:
    return "tenant_id" in Base.metadata.tables[one.table].columns


async def erase_membership(
    db: AsyncSession, *, tenant_id: CooperativeId, membership_id: MembershipId
) -> str | None:
    """Forget one membership that has ended; return its pseudonym, None if somebody is there again.

    Holds the membership until the transaction ends.
    """
    query = select(Membership).where(Membership.tenant_id == tenant_id, Membership.id == membership_id)
    found = (await db.scalars(query.with_for_update().execution_options(populate_existing=True))).one()
    if found.state is not MembershipState.LEFT:
        return None
    here = await cooperative_of(db, tenant_id=tenant_id)
    with use_locale(here.locale, here.time_zone):
        words = _("Membre parti")
    pseudonym = await new_pseudonym(db, tenant_id=tenant_id, words=words)
    me = {By.MEMBERSHIP: membership_id, By.PERSON: found.person_id}
    for by, statement in _statements([one for one in HOLDINGS if _is_tenanted(one)]):
        facts = {"tenant": tenant_id, "me": me[by], "pseudonym": pseudonym}
        used = {name: value for name, value in facts.items() if f":{name}" in statement}
        await db.execute(text(statement).bindparams(bindparam("me", type_=Uuid())), used)
    db.expire(found)
    await audit.record(
        db, actor=Actor.system(tenant_id), action="tenants:membership:erased", subject_id=membership_id
    )
    await emit(db, MembershipErased(tenant_id=tenant_id, membership_id=membership_id))
    return pseudonym


async def forget_person(db: AsyncSession, *, person_id: PersonId) -> bool:
    """Forget a person and all they left; False, and nothing done, if they are a member somewhere again."""
    mine = await my_memberships(db)
    if any(own.state != MembershipState.LEFT for own in mine):
        return False
    for own in mine:
        tenant_id, membership_id = CooperativeId(own.tenant_id), MembershipId(own.membership_id)
        await work_for(db, tenant=tenant_id, person=person_id)
        pseudonym = await erase_membership(db, tenant_id=tenant_id, membership_id=membership_id)
        asked = await db.get(Erasure, (tenant_id, membership_id))
        if asked is not None and asked.done_at is None:
            asked.done_at, asked.pseudonym = await db.scalar(select(func.now())), pseudonym
            await db.flush()
    await work_for(db, tenant=None, person=person_id)
    for _by, statement in _statements([one for one in HOLDINGS if not _is_tenanted(one)]):
        await db.execute(text(statement).bindparams(bindparam("me", type_=Uuid())), {"me": person_id})
    return True


# --- The clock ---------------------------------------------------------------------------------------

_FORMER: Final = text("""
    SELECT m.id FROM memberships m
    WHERE m.tenant_id = :tenant AND m.state = 'left' AND m.ended_at < now() - make_interval(days => :days)
      AND NOT EXISTS (SELECT FROM erasures e WHERE e.tenant_id = m.tenant_id AND e.membership_id = m.id)
    ORDER BY m.id LIMIT :most
""")


async def erase_what_is_due(db: AsyncSession, event: ErasuresDue) -> None:
    """Forget whose time is over, announce it to those whom the rule no longer keeps, and pass persons on.

    Hears ErasuresDue, and emits it again when there is more than fits into one transaction.
    """
    tenant_id = event.tenant_id
    rules = await rules_in_force(db, tenant_id=tenant_id)
    if ERASURE_WAIT.name not in rules or FORMER_MEMBERS.name not in rules:
        # The rulebook is completed within the hour.
        return
    days = rules[FORMER_MEMBERS.name].value
    former = await db.scalars(_FORMER, {"tenant": tenant_id, "days": days, "most": AT_ONCE})
    for membership_id in former.all():
        await schedule_erasure(
            db,
            tenant_id=tenant_id,
            membership_id=membership_id,
            days=rules[ERASURE_WAIT.name].value,
            asked_by=AskedBy.RULE,
        )
    farewells = await _erase_due(db, tenant_id)
    for person_id in await db.scalars(text("SELECT * FROM take_due_persons(:most)"), {"most": AT_ONCE}):
        await work_for(db, tenant=NO_COOPERATIVE, person=None)
        await emit(db, PersonErasureDue(tenant_id=NO_COOPERATIVE, person_id=person_id))
        await work_for(db, tenant=tenant_id, person=None)
    if len(farewells) == AT_ONCE:
        await emit(db, event)
    for message in farewells:
        await _send(db, message)


async def _erase_due(db: AsyncSession, tenant_id: CooperativeId) -> list[Message | None]:
    due = await db.scalars(
        select(Erasure)
        .where(Erasure.tenant_id == tenant_id, Erasure.done_at.is_(None), Erasure.due_at <= func.now())
        .order_by(Erasure.due_at)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    here = await cooperative_of(db, tenant_id=tenant_id)
    farewells: list[Message | None] = []
    for asked in due.all():
        known = await db.execute(
            select(
                Membership.contact_email, Membership.display_name, func.locale_of_member(Membership.id)
            ).where(Membership.tenant_id == tenant_id, Membership.id == asked.membership_id)
        )
        email, name, locale = known.one()
        pseudonym = await erase_membership(db, tenant_id=tenant_id, membership_id=asked.membership_id)
        if pseudonym is None:
            await db.delete(asked)
            await db.flush()
            continue
        asked.done_at, asked.pseudonym = await db.scalar(select(func.now())), pseudonym
        await db.flush()
        farewells.append(farewell(here.name, email, name, locale) if email else None)
    return farewells


async def erase_person(db: AsyncSession, event: PersonErasureDue) -> None:
    """Forget one person whose time is over: hears PersonErasureDue."""
    person_id = PersonId(event.person_id)
    await work_for(db, tenant=NO_COOPERATIVE, person=person_id)
    asked = await db.scalar(
        select(PersonErasure)
        .where(PersonErasure.person_id == person_id, PersonErasure.due_at <= func.now())
        .with_for_update()
    )
    person = await db.get(Person, person_id)
    if asked is None or person is None:
        return
    email, locale = person.email, person.locale
    back = came_back(await my_memberships(db), asked.asked_at)
    if back or not await forget_person(db, person_id=person_id):
        # They came back: nothing is asked any more.
        await work_for(db, tenant=NO_COOPERATIVE, person=person_id)
        await db.delete(asked)
        await db.flush()
        return
    await _send(db, farewell("Archipel", email, "", locale))


def farewell(place: str, email: str, name: str, locale: str) -> Message:
    """The last mail: it is done."""
    with use_locale(locale):
        return Message(
            to=email,
            to_name=name,
            subject=_("{place} : vos données sont effacées", place=place),
            text=_(
                "Bonjour,\n\nVotre nom, vos coordonnées et votre présentation sont effacés. Un pseudonyme "
                "remplace votre nom là où il devait rester quelque chose : les comptes et les décisions des "
                "autres.\n\nCe courriel est le dernier que vous recevez de nous.\n"
            ),
        )


async def _send(db: AsyncSession, message: Message | None) -> None:
    """Send a last mail; what the post will not take is not worth undoing an erasure."""
    if message is None:
        return
    try:
        await cast("Post", db.info["post"]).send(message)
    except (BadAddress, OSError, aiosmtplib.SMTPException) as error:
        log.warning("farewell_not_mailed", reason=type(error).__name__)
