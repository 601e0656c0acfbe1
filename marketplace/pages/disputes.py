"""The disputes that wait for a mediator."""

from litestar import Response, get
from litestar.di import NamedDependency

from marketplace.waiting import open_disputes
from tenants.platform.web import csv_response
from tenants.platform.words import _, local
from tenants.visit import Visit


@get("/{cooperative:str}/disputes", include_in_schema=False)
async def disputes_page(visit: NamedDependency[Visit]) -> Response[str]:
    """List them, for a mediator."""
    disputes = await open_disputes(visit.db, actor=visit.actor)
    return visit.page("marketplace/disputes.html", disputes=disputes)


@get("/{cooperative:str}/disputes.csv", include_in_schema=False)
async def disputes_csv(visit: NamedDependency[Visit]) -> Response[bytes]:
    """Download them, for a mediator."""
    header = [
        _("Depuis"),
        _("Mission"),
        _("Demandé par"),
        _("Réalisé par"),
        _("Minutes"),
        _("Nombre de points de vue"),
        _("Identifiant"),
    ]
    rows = [
        (
            local(one.opened_at).isoformat(timespec="seconds"),
            one.title,
            one.payer,
            one.provider,
            one.held_minutes,
            one.statements,
            str(one.mission_id),
        )
        for one in await open_disputes(visit.db, actor=visit.actor)
    ]
    return csv_response(f"{visit.slug}-desaccords.csv", header, rows)
