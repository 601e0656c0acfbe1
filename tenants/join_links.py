"""Links by which a request to join is confirmed: mailed to the address that was typed, and pressed there once.

Asking is answered alike whether or not the address is known; only the button behind the link puts the request before
the managers. This file must never say to a stranger whether an address is known, nor make anybody a member.
"""

from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.events import JoinRequested
from tenants.join_requests import WAITS_FOR, JoinRequest, RequestState, must_be_open, tell_managers
from tenants.people import plain_email
from tenants.platform.errors import Refusal
from tenants.platform.ids import CooperativeId
from tenants.platform.outbox import emit
from tenants.platform.security import subscriber_of
from tenants.platform.throttle import Limit, Throttle
from tenants.platform.words import N_
from tenants.sign_ins import new_token, token_hash

LINK_GOOD_FOR: Final = timedelta(days=3)

REQUESTS_BY_EMAIL: Final = Limit("join_request_by_email", attempts=3, seconds=3600, guards_secret=True)
# Over all cooperatives: nobody fills a mailbox by asking at many doors.
REQUESTS_BY_MAILBOX: Final = Limit("join_request_by_mailbox", attempts=6, seconds=3600, guards_secret=True)
REQUESTS_BY_ADDRESS: Final = Limit("join_request_by_address", attempts=10, seconds=3600, guards_secret=True)


class JoinLinkExpired(Refusal):
    """The link was used, replaced by a newer one, or is too old."""

    status = 404
    code = "join_link_expired"
    message = N_(
        "Ce lien n'est plus valable : il a déjà servi, ou il est trop ancien. Refaites votre demande."
    )


async def ask_to_join(
    db: AsyncSession,
    throttle: Throttle,
    *,
    tenant_id: CooperativeId,
    email: str,
    display_name: str,
    message: str = "",
    territory: str | None = None,
    locale: str = "fr",
    address: str = "",
) -> None:
    """Write a request down and have a link mailed; nobody reads it before that link is pressed.

    Asked twice, the newer words stand. The answer never depends on who is known. Raises JoinRequestsClosed,
    NoSuchTerritory; TooManyAttempts after 3 requests for one mailbox (6 in all cooperatives) or 10 from one network address in an hour.
    """
    await must_be_open(db, tenant_id, territory)
    email = plain_email(email)
    await throttle.attempt(REQUESTS_BY_ADDRESS, subscriber_of(address))
    await throttle.attempt(REQUESTS_BY_EMAIL, f"{tenant_id} {email}")
    await throttle.attempt(REQUESTS_BY_MAILBOX, email)
    words = {
        "display_name": display_name,
        "message": message,
        "territory": territory or None,
        "locale": locale,
    }
    statement = (
        insert(JoinRequest)
        .values(tenant_id=tenant_id, email=email, **words)
        .on_conflict_do_update(
            index_elements=["tenant_id", "email"],
            index_where=text("state = 'asked'"),
            set_={**words, "token_hash": None, "expires_at": func.now() + LINK_GOOD_FOR},
        )
    )
    request_id = (await db.execute(statement.returning(JoinRequest.id))).scalar_one()
    await emit(db, JoinRequested(tenant_id=tenant_id, join_request_id=request_id))


async def look_at_join_link(db: AsyncSession, *, tenant_id: CooperativeId, token: str) -> JoinRequest:
    """The request that a mailed link would send. Raises JoinLinkExpired."""
    query = select(JoinRequest).where(
        JoinRequest.tenant_id == tenant_id,
        JoinRequest.token_hash == token_hash(token),
        JoinRequest.state == RequestState.ASKED,
        JoinRequest.expires_at > func.now(),
    )
    found = (await db.scalars(query)).one_or_none()
    if found is None:
        raise JoinLinkExpired
    return found


async def confirm_join_request(db: AsyncSession, *, tenant_id: CooperativeId, token: str) -> JoinRequest:
    """Press the mailed link's button, once: the mailbox is theirs, and the managers are told.

    If a request of this mailbox waits already, it gets the newer words. Raises JoinLinkExpired, JoinRequestsClosed.
    """
    await must_be_open(db, tenant_id, None)
    seen = await look_at_join_link(db, tenant_id=tenant_id, token=token)
    # Of two that press at once, the second finds no token any more.
    newer = (
        delete(JoinRequest)
        .where(
            JoinRequest.tenant_id == tenant_id,
            JoinRequest.id == seen.id,
            JoinRequest.token_hash == token_hash(token),
        )
        .returning(JoinRequest.id)
    )
    db.expunge(seen)
    if (await db.execute(newer)).one_or_none() is None:
        raise JoinLinkExpired
    words = {name: getattr(seen, name) for name in ("display_name", "message", "territory", "locale")}
    statement = (
        insert(JoinRequest)
        .values(
            tenant_id=tenant_id,
            email=seen.email,
            state=RequestState.WAITING,
            created_at=seen.created_at,
            confirmed_at=func.now(),
            expires_at=func.now() + WAITS_FOR,
            **words,
        )
        .on_conflict_do_update(
            # Whoever holds the mailbox now asks: not the person who once asked under it and has moved on.
            index_elements=["tenant_id", "email"],
            index_where=text("state = 'waiting'"),
            set_={**words, "person_id": None},
        )
        .returning(JoinRequest, text("xmax = 0 AS is_new"))
    )
    row = (await db.execute(statement, execution_options={"populate_existing": True})).one()
    request: JoinRequest = row[0]
    if row[1]:
        await tell_managers(db, tenant_id)
    return request


async def stamp_join_request(db: AsyncSession, *, tenant_id: CooperativeId, request_id: UUID) -> str | None:
    """Give a request its token because its link is being mailed; None if it was pressed meanwhile."""
    token, hashed = new_token()
    statement = (
        update(JoinRequest)
        .where(
            JoinRequest.tenant_id == tenant_id,
            JoinRequest.id == request_id,
            JoinRequest.state == RequestState.ASKED,
        )
        .values(token_hash=hashed)
    )
    stamped = (await db.execute(statement.returning(JoinRequest.id))).one_or_none()
    return token if stamped else None
