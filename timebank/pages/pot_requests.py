"""Asking the pot for help, and answering: a page of one's own, and one for the stewards."""

from collections.abc import Sequence
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from tenants.actors import Role
from tenants.platform.forms import Done, Form, Nothing
from tenants.platform.inputs import PROSE_PATTERN, MinutesInput
from tenants.platform.web import PAGE_LENGTH, csv_response, decode_cursor, encode_cursor
from tenants.platform.words import N_, _, duration, local
from tenants.visit import Visit, must_be_a_member
from timebank.pages.giving import Words
from timebank.pot_decisions import grant_pot_request, refuse_pot_request
from timebank.pot_purposes import PURPOSE_TITLES, PotPurpose
from timebank.pot_requests import (
    WORDS_LENGTH,
    PotRequest,
    PotRequestShown,
    PotRequestState,
    ask_pot,
    my_pot_requests,
    pot_request,
    pot_requests,
    withdraw_pot_request,
)
from timebank.pot_statements import live_pot_balance

Told = Annotated[str, msgspec.Meta(min_length=1, max_length=WORDS_LENGTH, pattern=PROSE_PATTERN)]

STATE_TITLES: Final = {
    PotRequestState.OPEN: N_("attend une réponse"),
    PotRequestState.GRANTED: N_("accordée"),
    PotRequestState.REFUSED: N_("pas cette fois"),
    PotRequestState.WITHDRAWN: N_("retirée"),
}
TONES: Final = {PotRequestState.OPEN: "accent", PotRequestState.GRANTED: "good"}


class PotAsk(msgspec.Struct, frozen=True):
    """What is asked."""

    purpose: PotPurpose
    asked_minutes: MinutesInput
    words: Told


class PotAnswer(msgspec.Struct, frozen=True):
    """What a steward answers: hours, or none."""

    answer: Words
    amount_minutes: MinutesInput


class PotRefusal(msgspec.Struct, frozen=True):
    """Why not."""

    refusal: Words


@get("/{cooperative:str}/pot/requests", include_in_schema=False)
async def my_requests_page(visit: NamedDependency[Visit], after: FromQuery[str] = "") -> Response[str]:
    """List my own requests."""
    cursor = decode_cursor(after, (UUID,))
    found = await my_pot_requests(
        visit.db, actor=visit.actor, before=cursor[0] if cursor else None, limit=PAGE_LENGTH + 1
    )
    return _list(visit, [(one, "") for one in found], mine=True)


@get("/{cooperative:str}/pot/requests/all", include_in_schema=False)
async def requests_page(
    visit: NamedDependency[Visit], after: FromQuery[str] = "", standing: FromQuery[str] = ""
) -> Response[str]:
    """List every member's, for the stewards."""
    cursor = decode_cursor(after, (UUID,))
    found = await pot_requests(
        visit.db,
        actor=visit.actor,
        state=PotRequestState(standing) if standing in set(PotRequestState) else None,
        before=cursor[0] if cursor else None,
        limit=PAGE_LENGTH + 1,
    )
    return _list(visit, [(one.request, one.name) for one in found], mine=False, standing=standing)


def _list(
    visit: Visit, found: Sequence[tuple[PotRequest, str]], *, mine: bool, standing: str = ""
) -> Response[str]:
    shown = found[:PAGE_LENGTH]
    return visit.page(
        "timebank/pot_requests.html",
        requests=shown,
        mine=mine,
        standing=standing,
        after=encode_cursor(shown[-1][0].id) if len(found) > PAGE_LENGTH else "",
        **_words(),
    )


def _words() -> dict[str, Any]:
    return {"purposes": PURPOSE_TITLES, "states": STATE_TITLES, "tones": TONES}


@get("/{cooperative:str}/pot/requests.csv", include_in_schema=False)
async def my_requests_csv(visit: NamedDependency[Visit]) -> Response[bytes]:
    """Download my own requests."""
    found = await my_pot_requests(visit.db, actor=visit.actor, limit=None)
    return _csv(visit, [(one, visit.member.name if visit.member else "") for one in found])


@get("/{cooperative:str}/pot/requests/all.csv", include_in_schema=False)
async def requests_csv(visit: NamedDependency[Visit]) -> Response[bytes]:
    """Download every request, for the stewards; the words stay on the page."""
    found = await pot_requests(visit.db, actor=visit.actor, limit=None)
    return _csv(visit, [(one.request, one.name) for one in found])


def _csv(visit: Visit, rows: Sequence[tuple[PotRequest, str]]) -> Response[bytes]:
    header = [
        _("Date"),
        _("Membre"),
        _("Pour quoi"),
        _("Minutes demandées"),
        _("État"),
        _("Minutes accordées"),
        _("Identifiant"),
    ]
    lines = [
        (
            local(one.asked_at).isoformat(timespec="seconds"),
            name,
            _(PURPOSE_TITLES[one.purpose]),
            one.asked_minutes,
            _(STATE_TITLES[one.state]),
            one.granted_minutes,
            str(one.id),
        )
        for one, name in rows
    ]
    return csv_response(f"{visit.slug}-demandes.csv", header, lines)


@get("/{cooperative:str}/pot/requests/new", include_in_schema=False)
async def new_request(visit: NamedDependency[Visit], again: FromQuery[UUID | None] = None) -> Response[str]:
    """Ask, perhaps once more: what was written then stands in the form."""
    must_be_a_member(visit)
    form = visit.blank_form(PotAsk)
    if again is not None:
        before = (await pot_request(visit.db, actor=visit.actor, request_id=again)).request
        visit.actor.must_be(before.membership_id)
        form = visit.blank_form(
            PotAsk,
            purpose=before.purpose.value,
            asked_minutes=duration(before.asked_minutes),
            words=before.words,
        )
    return _form_page(visit, form)


def _form_page(visit: Visit, form: Form[PotAsk]) -> Response[str]:
    return visit.page(
        "timebank/pot_request_form.html",
        form=form,
        purposes=[(one.value, _(PURPOSE_TITLES[one])) for one in PotPurpose],
        words_max=WORDS_LENGTH,
    )


@post("/{cooperative:str}/pot/requests", include_in_schema=False)
async def ask(visit: NamedDependency[Visit]) -> Response[Any]:
    """Send the request."""
    form = await visit.form(PotAsk)

    async def work() -> Done:
        asked = await ask_pot(visit.db, actor=visit.actor, **form.fields())
        return Done(f"/{visit.slug}/pot/requests/{asked.id}", _("Votre demande est partie."))

    return await visit.submit(form, work, otherwise=lambda: _form_page(visit, form))


@get("/{cooperative:str}/pot/requests/{request_id:uuid}", include_in_schema=False)
async def request_page(visit: NamedDependency[Visit], request_id: FromPath[UUID]) -> Response[str]:
    """Show one request to its author or to a steward."""
    return await _show(visit, request_id)


async def _show(
    visit: Visit,
    request_id: UUID,
    *,
    grant: Form[PotAnswer] | None = None,
    refusal: Form[PotRefusal] | None = None,
    click: Form[Nothing] | None = None,
) -> Response[str]:
    shown: PotRequestShown = await pot_request(visit.db, actor=visit.actor, request_id=request_id)
    one = shown.request
    mine = one.membership_id == visit.actor.member
    decides = visit.actor.holds(Role.STEWARD) and not mine and one.state is PotRequestState.OPEN
    return visit.page(
        "timebank/pot_request.html",
        request=one,
        name=shown.name,
        mine=mine,
        decides=decides,
        balance=await live_pot_balance(visit.db, actor=visit.actor) if decides else None,
        grant=grant or visit.blank_form(PotAnswer, amount_minutes=duration(one.asked_minutes)),
        refusal=refusal or visit.blank_form(PotRefusal),
        form=click or visit.click,
        **_words(),
    )


@post("/{cooperative:str}/pot/requests/{request_id:uuid}/withdraw", include_in_schema=False)
async def withdraw(visit: NamedDependency[Visit], request_id: FromPath[UUID]) -> Response[Any]:
    """Take my request back."""
    form = await visit.form(Nothing)

    async def work() -> Done:
        await withdraw_pot_request(visit.db, actor=visit.actor, request_id=request_id)
        return Done(f"/{visit.slug}/pot/requests/{request_id}", _("Votre demande est retirée."))

    return await visit.submit(form, work, otherwise=lambda: _show(visit, request_id, click=form))


@post("/{cooperative:str}/pot/requests/{request_id:uuid}/grant", include_in_schema=False)
async def grant(visit: NamedDependency[Visit], request_id: FromPath[UUID]) -> Response[Any]:
    """Grant hours: a steward's act."""
    form = await visit.form(PotAnswer)

    async def work() -> Done:
        await grant_pot_request(visit.db, actor=visit.actor, request_id=request_id, **form.fields())
        granted = _("La caisse a accordé {time}.", time=duration(form.data.amount_minutes))
        return Done(f"/{visit.slug}/pot/requests/{request_id}", granted)

    return await visit.submit(form, work, otherwise=lambda: _show(visit, request_id, grant=form))


@post("/{cooperative:str}/pot/requests/{request_id:uuid}/refuse", include_in_schema=False)
async def refuse(visit: NamedDependency[Visit], request_id: FromPath[UUID]) -> Response[Any]:
    """Refuse, with the reason: a steward's act."""
    form = await visit.form(PotRefusal)

    async def work() -> Done:
        await refuse_pot_request(visit.db, actor=visit.actor, request_id=request_id, answer=form.data.refusal)
        return Done(f"/{visit.slug}/pot/requests/{request_id}", _("La réponse est partie."))

    return await visit.submit(form, work, otherwise=lambda: _show(visit, request_id, refusal=form))


PAGES = [
    my_requests_page,
    requests_page,
    my_requests_csv,
    requests_csv,
    new_request,
    ask,
    request_page,
    withdraw,
    grant,
    refuse,
]
