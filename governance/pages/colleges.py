"""Colleges: what each weighs, what the law says of it, who is in which, and who is in none."""

from fractions import Fraction
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from governance.circle_authority import may_arrange
from governance.college_places import (
    college_counts,
    members_of_college,
    place_in_college,
    remove_from_college,
)
from governance.college_weights import COLLEGE_WEIGHTS, said_share
from governance.colleges import college_weights, colleges
from tenants.platform.errors import Invalid
from tenants.platform.forms import Done, Form
from tenants.platform.web import PAGE_LENGTH, csv_response, decode_cursor, encode_cursor
from tenants.platform.words import _, local, ngettext
from tenants.rules_shown import shown_history
from tenants.visit import Visit

COLLEGES: Final = "/{cooperative:str}/colleges"
COLLEGE: Final = COLLEGES + "/{college_id:uuid}"
UNPLACED: Final = COLLEGES + "/unplaced"


class PlacesForm(msgspec.Struct, frozen=True, kw_only=True):
    """Members, and the college they are to be in; no college takes them out of theirs."""

    membership_ids: Annotated[list[UUID], msgspec.Meta(max_length=200)] = []
    college_id: UUID | None = None


@get(COLLEGES, include_in_schema=False)
async def colleges_page(visit: NamedDependency[Visit]) -> Response[str]:
    """Show what each college weighs, how many are in it, and every version of the weights."""
    found = await colleges(visit.db, actor=visit.actor)
    weights = await college_weights(visit.db, visit.here.tenant_id)
    counts = await college_counts(visit.db, visit.here.tenant_id)
    history = await shown_history(
        visit.db,
        tenant_id=visit.here.tenant_id,
        profile=visit.here.legal_profile,
        name=COLLEGE_WEIGHTS.name,
    )
    return visit.page(
        "governance/colleges.html",
        weighed=[
            (one, part, counts.get(one.id, 0))
            for part, one in sorted(
                ((weights[one.id], one) for one in found if one.id in weights), key=lambda pair: -pair[0]
            )
        ],
        weightless=[(one, counts[one.id]) for one in found if one.id not in weights and counts.get(one.id)],
        unplaced=counts.get(None, 0),
        history=history,
        rule=history.rule,
        may_arrange=await may_arrange(visit.db, visit.actor),
    )


@get(COLLEGES + ".csv", include_in_schema=False)
async def colleges_csv(visit: NamedDependency[Visit]) -> Response[bytes]:
    """Download the colleges with their share and their members' number."""
    found = await colleges(visit.db, actor=visit.actor)
    weights = await college_weights(visit.db, visit.here.tenant_id)
    counts = await college_counts(visit.db, visit.here.tenant_id)
    header = [_("Collège"), _("Part des voix"), _("Fraction"), _("Membres"), _("Identifiant")]
    rows = [
        (
            one.name,
            said_share(weights.get(one.id, Fraction(0))),
            str(weights.get(one.id, Fraction(0))),
            counts.get(one.id, 0),
            str(one.id),
        )
        for one in found
    ]
    return csv_response(f"{visit.slug}-colleges.csv", header, rows)


@get(UNPLACED, include_in_schema=False)
async def unplaced_page(visit: NamedDependency[Visit], after: FromQuery[str] = "") -> Response[str]:
    """List the members who are in no college; whoever arranges it may place them."""
    return await _people(visit, None, visit.blank_form(PlacesForm), after)


@get(COLLEGE, include_in_schema=False)
async def college_page(
    visit: NamedDependency[Visit], college_id: FromPath[UUID], after: FromQuery[str] = ""
) -> Response[str]:
    """List the members of a college; whoever arranges it may move them."""
    return await _people(visit, college_id, visit.blank_form(PlacesForm), after)


async def _people(
    visit: Visit, college_id: UUID | None, form: Form[PlacesForm], after: str = ""
) -> Response[str]:
    cursor = decode_cursor(after, (str, UUID))
    found = await members_of_college(
        visit.db,
        actor=visit.actor,
        college_id=college_id,
        after=(cursor[0], cursor[1]) if cursor else None,
        limit=PAGE_LENGTH + 1,
    )
    placed = found[:PAGE_LENGTH]
    weights = await college_weights(visit.db, visit.here.tenant_id)
    every = await colleges(visit.db, actor=visit.actor)
    shown = next((one for one in every if one.id == college_id), None)
    last = placed[-1] if len(found) > PAGE_LENGTH else None
    return visit.page(
        "governance/college.html",
        form=form,
        shown=shown,
        share=said_share(weights[shown.id]) if shown and shown.id in weights else "",
        members=placed,
        others=[(one.id, one.name) for one in every if one.id in weights and one.id != college_id],
        after=encode_cursor(last.sort_name, last.id) if last else "",
        may_arrange=await may_arrange(visit.db, visit.actor),
    )


@get(UNPLACED + ".csv", include_in_schema=False)
async def unplaced_csv(visit: NamedDependency[Visit]) -> Response[bytes]:
    """Download the members who are in no college."""
    return await _csv(visit, None)


@get(COLLEGE + "/members.csv", include_in_schema=False)
async def college_csv(visit: NamedDependency[Visit], college_id: FromPath[UUID]) -> Response[bytes]:
    """Download the members of a college."""
    return await _csv(visit, college_id)


async def _csv(visit: Visit, college_id: UUID | None) -> Response[bytes]:
    found = await members_of_college(visit.db, actor=visit.actor, college_id=college_id, limit=None)
    header = [_("Nom"), _("Dans ce collège depuis"), _("Identifiant")]
    rows = [
        (one.name, local(one.joined_at).date().isoformat() if one.joined_at else "", str(one.id))
        for one in found
    ]
    return csv_response(f"{visit.slug}-college.csv", header, rows)


@post(UNPLACED, include_in_schema=False)
async def place(visit: NamedDependency[Visit]) -> Response[Any]:
    """Place the members that were ticked."""
    return await _move(visit, None)


@post(COLLEGE, include_in_schema=False)
async def move(visit: NamedDependency[Visit], college_id: FromPath[UUID]) -> Response[Any]:
    """Move the members that were ticked to another college, or to none."""
    return await _move(visit, college_id)


async def _move(visit: Visit, college_id: UUID | None) -> Response[Any]:
    form = await visit.form(PlacesForm)

    async def work() -> Done:
        chosen, target = form.data.membership_ids, form.data.college_id
        if target is not None:
            moved = await place_in_college(
                visit.db, actor=visit.actor, college_id=target, membership_ids=chosen
            )
        elif college_id is not None:
            moved = await remove_from_college(
                visit.db, actor=visit.actor, college_id=college_id, membership_ids=chosen
            )
        else:
            raise Invalid({"college_id": _("Ce champ est nécessaire.")})
        back = COLLEGES.replace("{cooperative:str}", visit.slug)
        if not moved:
            return Done(
                f"{back}/{college_id or 'unplaced'}", _("Rien n'a changé : ces personnes y étaient déjà.")
            )
        notice = ngettext("Une personne a changé de collège.", "{n} personnes ont changé de collège.", moved)
        return Done(f"{back}/{college_id or 'unplaced'}", notice)

    return await visit.submit(form, work, otherwise=lambda: _people(visit, college_id, form))


PAGES: Final = (
    colleges_page,
    colleges_csv,
    unplaced_page,
    unplaced_csv,
    college_page,
    college_csv,
    place,
    move,
)
