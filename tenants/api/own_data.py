"""One's own data in the JSON API, for a browser that is signed in: the archive, and being forgotten."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody

from tenants import erasures as verbs
from tenants.pages.account import at_the_browser
from tenants.pages.own_data import archive_response
from tenants.platform.web import api_get, api_post
from tenants.visit import Visit

ME: Final = "/me"


class ErasureStanding(msgspec.Struct, frozen=True, kw_only=True):
    """One membership (null: the whole person) and when it will be forgotten, if that was asked."""

    membership_id: UUID | None
    slug: str | None
    state: str | None
    due_at: datetime | None


class ErasureStandings(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked to be forgotten."""

    items: list[ErasureStanding]


class ErasureTerms(msgspec.Struct, frozen=True, kw_only=True):
    """Which membership to forget; null is the whole person."""

    membership_id: UUID | None = None


class ErasureSet(msgspec.Struct, frozen=True, kw_only=True):
    """When it will be done; null: it will not."""

    due_at: datetime | None


@api_get(
    ME + "/data",
    operation_id="my_data",
    summary="One's own data, as an archive",
    media_type="application/zip",
)
async def my_data(
    visit: NamedDependency[Visit], membership_id: FromQuery[UUID | None] = None
) -> Response[bytes]:
    """Download one membership's data, or everything: a zip with a page, CSV and JSON."""
    return await archive_response(visit, membership_id, "archipel.zip")


@api_get(ME + "/erasures", operation_id="my_erasures", summary="What was asked to be forgotten")
async def my_erasures(visit: NamedDependency[Visit]) -> ErasureStandings:
    """List one's memberships, and the person, with the day of their erasure if it was asked."""
    person, _sign_in = at_the_browser(visit)
    whole, standings = await verbs.my_erasures(visit.db, person_id=person.id)
    items = [
        ErasureStanding(
            membership_id=one.membership.membership_id,
            slug=one.membership.slug,
            state=one.membership.state,
            due_at=one.due_at,
        )
        for one in standings
    ]
    return ErasureStandings(
        items=[ErasureStanding(membership_id=None, slug=None, state=None, due_at=whole), *items]
    )


@api_post(ME + "/erasures", operation_id="ask_erasure", summary="Ask to be forgotten", status=202)
async def ask_erasure(visit: NamedDependency[Visit], data: JSONBody[ErasureTerms]) -> ErasureSet:
    """Ask that one cooperative, or all of them and the account, forget oneself."""
    person, _sign_in = at_the_browser(visit)
    if data.membership_id is None:
        return ErasureSet(due_at=await verbs.ask_erasure(visit.db, person_id=person.id))
    due = await verbs.ask_membership_erasure(visit.db, person_id=person.id, membership_id=data.membership_id)
    return ErasureSet(due_at=due)


@api_post(ME + "/erasures/withdraw", operation_id="withdraw_erasure", summary="Change one's mind", status=200)
async def withdraw_erasure(visit: NamedDependency[Visit], data: JSONBody[ErasureTerms]) -> ErasureSet:
    """Have nothing erased after all."""
    person, _sign_in = at_the_browser(visit)
    if data.membership_id is None:
        await verbs.withdraw_erasure(visit.db, person_id=person.id)
    else:
        await verbs.keep_membership(visit.db, person_id=person.id, membership_id=data.membership_id)
    return ErasureSet(due_at=None)


API = [my_data, my_erasures, ask_erasure, withdraw_erasure]
