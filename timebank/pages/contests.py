"""Contests as a file, for those who decide them; each is shown and decided on the page of its entry."""

from typing import Final

from litestar import Response, get
from litestar.di import NamedDependency

from tenants.platform.web import csv_response
from tenants.platform.words import _, local
from tenants.visit import Visit
from timebank.contest_lists import contests


@get("/{cooperative:str}/entries/contests.csv", include_in_schema=False)
async def contests_csv(visit: NamedDependency[Visit]) -> Response[bytes]:
    """Download every contest, for those who decide them."""
    header = [_("Contesté le"), _("Contesté par"), _("Minutes"), _("Ses mots"), _("Décidé le"), _("Décision")]
    rows = [
        (
            local(contest.contested_at).isoformat(timespec="seconds"),
            name,
            entry.minutes,
            contest.words,
            local(contest.decided_at).isoformat(timespec="seconds") if contest.decided_at else "",
            contest.decision,
        )
        for contest, entry, name in await contests(visit.db, actor=visit.actor, limit=None)
    ]
    return csv_response(f"{visit.slug}-contestations.csv", header, rows)


PAGES: Final = [contests_csv]
