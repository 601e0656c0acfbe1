"""Asking to join, for anybody, and answering those who ask, for managers.

The mailed link opens a page; only its button sends the request. The pages for strangers must never say who is known.
"""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from tenants.admissions import approve_join_request, decline_join_request
from tenants.join_links import ask_to_join, confirm_join_request, look_at_join_link
from tenants.join_requests import (
    MESSAGE_LENGTH,
    REASON_LENGTH,
    JoinRequestsClosed,
    ask_to_join_signed_in,
    join_requests,
    may_ask,
)
from tenants.pages.members import Name
from tenants.pages.sign_in import client_address
from tenants.people import my_memberships
from tenants.platform.forms import Done, Form, Nothing
from tenants.platform.inputs import PROSE_PATTERN, Email, OptionalLine
from tenants.platform.territories import territory_name
from tenants.platform.web import PAGE_LENGTH, csv_response, decode_cursor, encode_cursor
from tenants.platform.words import _
from tenants.visit import Visit

Words = Annotated[str, msgspec.Meta(max_length=MESSAGE_LENGTH, pattern=PROSE_PATTERN)]
"""What somebody says of themselves."""
Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=REASON_LENGTH, pattern=PROSE_PATTERN)]
"""Why a request is declined."""


class Asking(msgspec.Struct, frozen=True):
    """Who asks to join, and where they are."""

    display_name: Name
    email: Email
    message: Words = ""
    territory: OptionalLine = ""


class AskingSignedIn(msgspec.Struct, frozen=True):
    """What somebody who is signed in adds to one click."""

    message: Words = ""


class Declining(msgspec.Struct, frozen=True):
    """Why a request is declined; it is mailed."""

    reason: Reason


# --- For anybody -------------------------------------------------------------------------------------------


@get("/{cooperative:str}/join", include_in_schema=False)
async def join_request_page(visit: NamedDependency[Visit]) -> Response[Any]:
    """Ask who wants to join; whoever is in already is led inside."""
    if visit.member is not None:
        return visit.see_other(f"/{visit.slug}")
    if not await may_ask(visit.db, tenant_id=visit.here.tenant_id):
        raise JoinRequestsClosed
    return _asking(visit, visit.blank_form(AskingSignedIn if visit.person else Asking))


def _asking(visit: Visit, form: Form[Any]) -> Response[str]:
    return visit.page("tenants/join_request.html", form=form)


@post("/{cooperative:str}/join", include_in_schema=False, open_to_strangers=True)
async def ask(visit: NamedDependency[Visit]) -> Response[Any]:
    """Have a link mailed; the answer is the same whoever is asked for."""
    form = await visit.form(Asking)

    async def work() -> Done:
        await ask_to_join(
            visit.db,
            visit.house.throttle,
            tenant_id=visit.here.tenant_id,
            locale=visit.locale,
            address=client_address(visit),
            **form.fields(),
        )
        return Done(f"/{visit.slug}/join-sent")

    return await visit.submit(form, work, otherwise=lambda: _asking(visit, form))


@get("/{cooperative:str}/join-sent", include_in_schema=False)
async def join_link_sent(visit: NamedDependency[Visit]) -> Response[str]:
    """Say that a mail is on its way."""
    return visit.page("tenants/join_sent.html")


@post("/{cooperative:str}/join-signed-in", include_in_schema=False, open_to_strangers=True)
async def ask_signed_in(visit: NamedDependency[Visit]) -> Response[Any]:
    """Ask with one click, as somebody who has a place in another cooperative."""
    person = visit.signed_in
    form = await visit.form(AskingSignedIn)

    async def work() -> Done:
        places = await my_memberships(visit.db)
        await ask_to_join_signed_in(
            visit.db,
            tenant_id=visit.here.tenant_id,
            person_id=person.id,
            display_name=places[0].display_name if places else person.email.partition("@")[0],
            message=form.data.message,
        )
        return Done(f"/{visit.slug}", _("Votre demande est partie. La réponse viendra par courriel."))

    return await visit.submit(form, work, otherwise=lambda: _asking(visit, form))


@get("/{cooperative:str}/join/{token:str}", include_in_schema=False)
async def join_link_page(visit: NamedDependency[Visit], token: FromPath[str]) -> Response[str]:
    """Show what the mailed link would send. Opening it sends nothing."""
    seen = await look_at_join_link(visit.db, tenant_id=visit.here.tenant_id, token=token)
    return visit.page("tenants/join_link.html", request=seen, token=token, form=visit.click)


@post("/{cooperative:str}/join/{token:str}", include_in_schema=False, open_to_strangers=True)
async def press_join_link(visit: NamedDependency[Visit], token: FromPath[str]) -> Response[Any]:
    """Put the request before the managers, once."""
    form: Form[Nothing] = await visit.form(Nothing)
    seen = await look_at_join_link(visit.db, tenant_id=visit.here.tenant_id, token=token)

    async def work() -> Done:
        await confirm_join_request(visit.db, tenant_id=visit.here.tenant_id, token=token)
        return Done(f"/{visit.slug}", _("Votre demande est partie. La réponse viendra par courriel."))

    return await visit.submit(
        form,
        work,
        otherwise=lambda: visit.page("tenants/join_link.html", request=seen, token=token, form=form),
    )


# --- For managers ------------------------------------------------------------------------------------------


@get("/{cooperative:str}/join-requests", include_in_schema=False)
async def join_requests_page(visit: NamedDependency[Visit], after: FromQuery[str] = "") -> Response[str]:
    """List those who ask, the longest waiting first."""
    return await show(visit, visit.blank_form(Nothing), after)


async def show(visit: Visit, form: Form[Any], after: str = "", answered: UUID | None = None) -> Response[str]:
    """The page, with the form that was sent for the request ``answered``, if one was."""
    cursor = decode_cursor(after, (UUID,))
    found = await join_requests(
        visit.db, actor=visit.actor, after=cursor[0] if cursor else None, limit=PAGE_LENGTH + 1
    )
    shown = found[:PAGE_LENGTH]
    return visit.page(
        "tenants/join_requests.html",
        form=form,
        # Where the request is gone from the page (answered already), what was refused is said above the others.
        answered=answered if answered in {one.id for one in shown} else None,
        declining=visit.blank_form(Declining),
        requests=shown,
        is_open=await may_ask(visit.db, tenant_id=visit.here.tenant_id),
        after=encode_cursor(shown[-1].id) if len(found) > PAGE_LENGTH else "",
    )


@get("/{cooperative:str}/join-requests.csv", include_in_schema=False)
async def join_requests_csv(visit: NamedDependency[Visit]) -> Response[bytes]:
    """Download the requests that wait; a manager's."""
    found = await join_requests(visit.db, actor=visit.actor, limit=None)
    header = [_("Nom"), _("Courriel"), _("Territoire"), _("Demandé le"), _("Message"), _("Identifiant")]
    rows = [
        (
            one.display_name,
            one.email,
            territory_name(one.territory) if one.territory else "",
            one.created_at.date().isoformat(),
            one.message,
            str(one.id),
        )
        for one in found
    ]
    return csv_response(f"{visit.slug}-join-requests.csv", header, rows)


@post("/{cooperative:str}/join-requests/{request_id:uuid}/approve", include_in_schema=False)
async def approve(visit: NamedDependency[Visit], request_id: FromPath[UUID]) -> Response[Any]:
    """Let somebody in."""
    form: Form[Nothing] = await visit.form(Nothing)

    async def work() -> Done:
        admitted = await approve_join_request(visit.db, actor=visit.actor, join_request_id=request_id)
        return Done(
            f"/{visit.slug}/join-requests",
            _("{name} est membre, et l'apprend par courriel.", name=admitted.display_name),
        )

    return await visit.submit(form, work, otherwise=lambda: show(visit, form))


@post("/{cooperative:str}/join-requests/{request_id:uuid}/decline", include_in_schema=False)
async def decline(visit: NamedDependency[Visit], request_id: FromPath[UUID]) -> Response[Any]:
    """Turn somebody down, with a reason."""
    form = await visit.form(Declining)

    async def work() -> Done:
        request = await decline_join_request(
            visit.db, actor=visit.actor, join_request_id=request_id, reason=form.data.reason
        )
        told = _("{name} reçoit votre réponse par courriel.", name=request.display_name)
        return Done(f"/{visit.slug}/join-requests", told)

    return await visit.submit(form, work, otherwise=lambda: show(visit, form, answered=request_id))
