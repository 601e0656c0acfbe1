"""The treasurer's page on debts of members who want to leave: each is forgiven or not, with a reason."""

from typing import Any, Literal
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from tenants.platform.forms import Done, Form
from tenants.platform.web import csv_response, decode_cursor, encode_cursor
from tenants.platform.words import N_, _
from tenants.visit import Visit
from timebank.pages.giving import Words
from timebank.write_offs import LISTED, WriteOffState, decide_write_off, write_offs

STATE_TITLES = {
    WriteOffState.ASKED: N_("à décider"),
    WriteOffState.GRANTED: N_("accordé"),
    WriteOffState.REFUSED: N_("refusé"),
    WriteOffState.ENDED: N_("clos"),
}


class Decision(msgspec.Struct, frozen=True):
    """Forgiven or not, and why."""

    decision: Literal["grant", "refuse"]
    reason: Words


@get("/{cooperative:str}/treasury/write-offs", include_in_schema=False)
async def write_offs_page(visit: NamedDependency[Visit], before: FromQuery[str] = "") -> Response[str]:
    """List the requests."""
    return await _page(visit, before)


@get("/{cooperative:str}/treasury/write-offs.csv", include_in_schema=False)
async def write_offs_csv(visit: NamedDependency[Visit]) -> Response[bytes]:
    """Download the requests."""
    header = [_("Date"), _("Membre"), _("Minutes"), _("État"), _("Décidé le"), _("Motif")]
    rows = [
        (
            one.asked_at.date().isoformat(),
            name,
            one.minutes,
            _(STATE_TITLES[one.state]),
            one.decided_at.date().isoformat() if one.decided_at else "",
            one.reason,
        )
        for one, name in await write_offs(visit.db, actor=visit.actor, limit=None)
    ]
    return csv_response(f"{visit.slug}-write-offs.csv", header, rows)


@post("/{cooperative:str}/treasury/write-offs/{write_off_id:uuid}", include_in_schema=False)
async def decide_form(visit: NamedDependency[Visit], write_off_id: FromPath[UUID]) -> Response[Any]:
    """Decide one request."""
    form = await visit.form(Decision)

    async def work() -> Done:
        granted = form.data.decision == "grant"
        await decide_write_off(
            visit.db,
            actor=visit.actor,
            write_off_id=write_off_id,
            granted=granted,
            reason=form.data.reason,
        )
        notice = _("La dette sera effacée au départ.") if granted else _("La dette n'est pas effacée.")
        return Done(f"/{visit.slug}/treasury/write-offs", notice)

    return await visit.submit(form, work, otherwise=lambda: _page(visit, "", form, write_off_id))


async def _page(
    visit: Visit, before: str, form: Form[Decision] | None = None, about: UUID | None = None
) -> Response[str]:
    cursor = decode_cursor(before, (UUID,))
    found = await write_offs(
        visit.db, actor=visit.actor, before=cursor[0] if cursor else None, limit=LISTED + 1
    )
    shown = found[:LISTED]
    return visit.page(
        "timebank/write_offs.html",
        asked=[one for one in shown if one[0].state is WriteOffState.ASKED],
        decided=[one for one in shown if one[0].state is not WriteOffState.ASKED],
        states=STATE_TITLES,
        form=form,
        about=about,
        blank=visit.blank_form(Decision),
        before=encode_cursor(shown[-1][0].id) if len(found) > LISTED else "",
    )


PAGES = [write_offs_page, write_offs_csv, decide_form]
