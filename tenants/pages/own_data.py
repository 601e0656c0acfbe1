"""My data: to download, and to have erased, with the way back while there is time.

It must never be reached by an API token, which acts for a member and not for the person.
"""

from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from tenants.erasures import (
    ask_erasure,
    ask_membership_erasure,
    keep_membership,
    my_erasures,
    own_membership,
    withdraw_erasure,
)
from tenants.exports import EXPORTS, my_data
from tenants.pages.account import at_the_browser
from tenants.personal import HOLDINGS
from tenants.platform.forms import Done, Form, Nothing
from tenants.platform.words import _, day
from tenants.visit import Visit


@get("/me/data", include_in_schema=False)
async def data_page(visit: NamedDependency[Visit]) -> Response[str]:
    """Show what may be downloaded and erased."""
    return await _page(visit, visit.click)


async def _page(visit: Visit, form: Form[Nothing]) -> Response[str]:
    person, _sign_in = at_the_browser(visit)
    whole, standings = await my_erasures(visit.db, person_id=person.id)
    return visit.page(
        "tenants/own_data.html",
        form=form,
        whole=whole,
        standings=standings,
        members=[one.membership for one in standings if one.membership.state != "left"],
        reasons=list(dict.fromkeys(one.why for one in HOLDINGS if one.why)),
    )


@get("/me/data.zip", include_in_schema=False)
async def all_data(visit: NamedDependency[Visit]) -> Response[bytes]:
    """Download everything."""
    return await archive_response(visit, None, "archipel.zip")


@get("/me/data/{membership_id:uuid}/archive.zip", include_in_schema=False)
async def data_of_membership(visit: NamedDependency[Visit], membership_id: FromPath[UUID]) -> Response[bytes]:
    """Download what one cooperative holds."""
    at_the_browser(visit)
    own = await own_membership(visit.db, membership_id)
    return await archive_response(visit, membership_id, f"{own.slug}.zip")


async def archive_response(visit: Visit, membership_id: UUID | None, name: str) -> Response[bytes]:
    """The archive, for the person who is signed in here and for nobody else."""
    person, _sign_in = at_the_browser(visit)
    await visit.house.throttle.attempt(EXPORTS, str(person.id))
    content = await my_data(visit.db, person_id=person.id, membership_id=membership_id)
    return Response(
        content,
        media_type="application/zip",
        headers={"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"},
    )


@post("/me/data/erase", include_in_schema=False)
async def erase_all(visit: NamedDependency[Visit]) -> Response[Any]:
    """Ask to be forgotten altogether."""
    person, _sign_in = at_the_browser(visit)
    form = await visit.form(Nothing)

    async def work() -> Done:
        due = await ask_erasure(visit.db, person_id=person.id)
        return Done(
            "/me/data", _("Tout sera effacé le {day}. D'ici là, vous pouvez changer d'avis.", day=day(due))
        )

    return await visit.submit(form, work, otherwise=lambda: _page(visit, form))


@post("/me/data/keep", include_in_schema=False)
async def keep_all(visit: NamedDependency[Visit]) -> Response[Any]:
    """Stay known after all."""
    person, _sign_in = at_the_browser(visit)
    await withdraw_erasure(visit.db, person_id=person.id)
    return visit.see_other("/me/data", notice=_("Rien ne sera effacé."))


@post("/me/data/{membership_id:uuid}/erase", include_in_schema=False)
async def erase_one(visit: NamedDependency[Visit], membership_id: FromPath[UUID]) -> Response[Any]:
    """Ask one cooperative to forget me."""
    person, _sign_in = at_the_browser(visit)
    form = await visit.form(Nothing)

    async def work() -> Done:
        due = await ask_membership_erasure(visit.db, person_id=person.id, membership_id=membership_id)
        return Done(
            "/me/data", _("Ce sera effacé le {day}. D'ici là, vous pouvez changer d'avis.", day=day(due))
        )

    return await visit.submit(form, work, otherwise=lambda: _page(visit, form))


@post("/me/data/{membership_id:uuid}/keep", include_in_schema=False)
async def keep_one(visit: NamedDependency[Visit], membership_id: FromPath[UUID]) -> Response[Any]:
    """Change my mind about one cooperative."""
    person, _sign_in = at_the_browser(visit)
    await keep_membership(visit.db, person_id=person.id, membership_id=membership_id)
    return visit.see_other("/me/data", notice=_("Rien ne sera effacé."))


PAGES = [data_page, all_data, data_of_membership, erase_all, keep_all, erase_one, keep_one]
