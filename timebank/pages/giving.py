"""Giving hours: choose whom, then how long and what for. An exchange has a reason, a gift a word if one likes."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery

from tenants.memberships import DISPLAY_NAME_LENGTH, Membership, member, members
from tenants.platform.forms import Done, Form
from tenants.platform.inputs import PROSE_PATTERN, MinutesInput
from tenants.platform.words import _, duration
from tenants.visit import Visit
from timebank.exchanges import REASON_LENGTH, post_transfer
from timebank.gifts import give
from timebank.ledger.accounts import hours_account_of
from timebank.ledger.statements import standing

SHOWN_TO_CHOOSE_FROM = 12
Words = Annotated[str, msgspec.Meta(min_length=1, max_length=REASON_LENGTH, pattern=PROSE_PATTERN)]
OptionalWords = Annotated[str, msgspec.Meta(max_length=REASON_LENGTH, pattern=PROSE_PATTERN)]


class Search(msgspec.Struct, frozen=True):
    """Part of a name."""

    search: str = ""


class ExchangeDraft(msgspec.Struct, frozen=True):
    """Hours for somebody who helped."""

    to: UUID
    amount_minutes: MinutesInput
    reason: Words


class GiftDraft(msgspec.Struct, frozen=True):
    """Hours for nothing in return."""

    to: UUID
    amount_minutes: MinutesInput
    message: OptionalWords = ""


@get("/{cooperative:str}/hours/transfer", include_in_schema=False)
async def transfer_form(
    visit: NamedDependency[Visit], to: FromQuery[UUID | None] = None, search: FromQuery[str] = ""
) -> Response[str]:
    """Choose who helped, then say how long and what for."""
    if to is None:
        return await _choose(visit, search, gift=False)
    return await _transfer_page(visit, visit.blank_form(ExchangeDraft, to=str(to)))


@post("/{cooperative:str}/hours/transfer", include_in_schema=False)
async def transfer(visit: NamedDependency[Visit]) -> Response[Any]:
    """Post an exchange."""
    form = await visit.form(ExchangeDraft)

    async def work() -> Done:
        await post_transfer(visit.db, actor=visit.actor, **form.fields())
        to = await member(visit.db, actor=visit.actor, membership_id=form.data.to)
        done = _("{name} vous a aidé, {time}.", name=to.display_name, time=duration(form.data.amount_minutes))
        return Done(f"/{visit.slug}/hours", done)

    return await visit.submit(form, work, otherwise=lambda: _transfer_page(visit, form))


@get("/{cooperative:str}/hours/give", include_in_schema=False)
async def give_form(
    visit: NamedDependency[Visit], to: FromQuery[UUID | None] = None, search: FromQuery[str] = ""
) -> Response[str]:
    """Choose to whom to make a gift, then how much."""
    if to is None:
        return await _choose(visit, search, gift=True)
    return await _gift_page(visit, visit.blank_form(GiftDraft, to=str(to)))


@post("/{cooperative:str}/hours/give", include_in_schema=False)
async def give_hours(visit: NamedDependency[Visit]) -> Response[Any]:
    """Make the gift."""
    form = await visit.form(GiftDraft)

    async def work() -> Done:
        await give(visit.db, actor=visit.actor, **form.fields())
        to = await member(visit.db, actor=visit.actor, membership_id=form.data.to)
        done = _("Don de {time} à {name}.", name=to.display_name, time=duration(form.data.amount_minutes))
        return Done(f"/{visit.slug}/hours", done)

    return await visit.submit(form, work, otherwise=lambda: _gift_page(visit, form))


async def _choose(visit: Visit, search: str, *, gift: bool) -> Response[str]:
    found = await members(
        visit.db,
        actor=visit.actor,
        search=search.strip()[:DISPLAY_NAME_LENGTH].replace("\x00", ""),
        limit=SHOWN_TO_CHOOSE_FROM + 2,
    )
    others = [one for one in found if one.id != visit.actor.membership_id]
    return visit.page(
        "timebank/choose.html",
        found=others[:SHOWN_TO_CHOOSE_FROM],
        more=len(others) > SHOWN_TO_CHOOSE_FROM,
        search=visit.blank_form(Search, search=search),
        gift=gift,
    )


async def _transfer_page(visit: Visit, form: Form[ExchangeDraft]) -> Response[str]:
    return await _amount_page(visit, "timebank/transfer.html", form)


async def _gift_page(visit: Visit, form: Form[GiftDraft]) -> Response[str]:
    return await _amount_page(visit, "timebank/gift.html", form)


async def _amount_page(visit: Visit, template: str, form: Form[Any]) -> Response[str]:
    stands = await standing(visit.db, actor=visit.actor, account_id=hours_account_of(visit.actor.member))
    return visit.page(template, form=form, to=await _addressee(visit, form), stands=stands)


async def _addressee(visit: Visit, form: Form[Any]) -> Membership:
    """Who was chosen; somebody who is no member here is not found."""
    try:
        chosen = UUID(form.values["to"])
    except ValueError:
        # A form whose hidden field was broken: there is nobody to show, and nothing was done.
        chosen = UUID(int=0)
    return await member(visit.db, actor=visit.actor, membership_id=chosen)


PAGES = [transfer_form, transfer, give_form, give_hours]
