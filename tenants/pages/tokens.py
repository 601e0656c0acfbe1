"""API tokens: made here, shown once, revoked here."""

from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from tenants.platform.errors import Refusal
from tenants.platform.forms import Done, Form, Nothing
from tenants.platform.inputs import LINE_PATTERN, OptionalLine
from tenants.platform.web import csv_response
from tenants.platform.words import N_, _, local
from tenants.second_factors import is_enrolled, must_show_code
from tenants.tokens import DAYS_MAX, NAME_LENGTH, SCOPES, api_tokens, create_api_token, revoke_api_token
from tenants.visit import Visit

LIVES: Final = ((30, N_("30 jours")), (90, N_("90 jours")), (365, N_("un an")))


class NewToken(msgspec.Struct, frozen=True):
    """A token to make: what it is for, what it may do, for how many days; and a code of the second factor, if any."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_LENGTH, pattern=LINE_PATTERN)]
    scopes: list[str]
    days: Annotated[int, msgspec.Meta(ge=1, le=DAYS_MAX)]
    code: OptionalLine = ""


@get("/{cooperative:str}/tokens", include_in_schema=False)
async def tokens_page(visit: NamedDependency[Visit]) -> Response[str]:
    """List my tokens, and offer to make one."""
    return await show(visit, visit.blank_form(NewToken, days="90"))


@get("/{cooperative:str}/tokens.csv", include_in_schema=False)
async def tokens_csv(visit: NamedDependency[Visit]) -> Response[bytes]:
    """Download the list of my tokens, which holds no secret."""
    header = [
        _("Nom"),
        _("Début"),
        _("Portées"),
        _("Créé le"),
        _("Finit le"),
        _("Dernier usage"),
        _("Identifiant"),
    ]
    rows = [
        (
            one.name,
            one.prefix,
            " ".join(one.scopes),
            *(
                local(at).isoformat(timespec="seconds") if at else ""
                for at in (one.created_at, one.expires_at, one.last_used_at)
            ),
            str(one.id),
        )
        for one in await api_tokens(visit.db, actor=visit.actor)
    ]
    return csv_response(f"{visit.slug}-jetons.csv", header, rows)


async def show(visit: Visit, form: Form[Any], secret: str = "") -> Response[str]:
    """The page; ``secret`` is a token just made, for this one answer."""
    return visit.page(
        "tenants/tokens.html",
        form=form,
        secret=secret,
        tokens=await api_tokens(visit.db, actor=visit.actor),
        scopes=[(name, f"{_(title)} ({name})") for name, title in SCOPES.items()],
        asks_code=await is_enrolled(visit.db, person_id=visit.signed_in.id),
        lives=[(days, _(title)) for days, title in LIVES],
    )


async def show_code(visit: Visit, new: NewToken) -> None:
    """Ask for a fresh code: a token acts without one for as long as it lives."""
    await must_show_code(
        visit.db,
        visit.house.throttle,
        seal=visit.house.seal,
        person_id=visit.signed_in.id,
        code=new.code,
    )


@post("/{cooperative:str}/tokens", include_in_schema=False)
async def create(visit: NamedDependency[Visit]) -> Response[Any]:
    """Make a token and show its secret in this very answer, so that it is stored nowhere on the way."""
    form = await visit.form(NewToken)
    if not form.errors:
        try:
            async with visit.db.begin_nested():
                await show_code(visit, form.data)
                _token, secret = await create_api_token(
                    visit.db,
                    actor=visit.actor,
                    name=form.data.name,
                    scopes=form.data.scopes,
                    days=form.data.days,
                )
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            return await show(visit, visit.blank_form(NewToken, days="90"), secret)
    answer = await show(visit, form)
    answer.status_code = form.refusal.status if form.refusal else 422
    return answer


@post("/{cooperative:str}/tokens/{token_id:uuid}/revoke", include_in_schema=False)
async def revoke(visit: NamedDependency[Visit], token_id: FromPath[UUID]) -> Response[Any]:
    """Stop a token at once."""
    form: Form[Nothing] = await visit.form(Nothing)

    async def work() -> Done:
        await revoke_api_token(visit.db, actor=visit.actor, token_id=token_id)
        return Done(f"/{visit.slug}/tokens", _("Ce jeton ne vaut plus rien."))

    return await visit.submit(form, work, otherwise=lambda: show(visit, form))
