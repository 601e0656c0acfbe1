"""How one wants to be told: one's own choices of notices in the JSON API."""

from datetime import time
from typing import Annotated

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import JSONBody

from tenants import notice_preferences as verbs
from tenants.api.notices import NOTICES
from tenants.notice_kinds import Delivery
from tenants.platform.web import api_get, api_post
from tenants.visit import Visit

PREFERENCES = NOTICES + "/preferences"

# Hours and minutes, as "21:30".
ClockTime = Annotated[str, msgspec.Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$")]


class NoticePreferences(msgspec.Struct, frozen=True, kw_only=True):
    """How each kind of notice comes; quiet hours by the clock of the cooperative, null without any."""

    deliveries: dict[str, Delivery]
    quiet_from: ClockTime | None
    quiet_until: ClockTime | None
    digest: bool


class NoticeWishes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change: the kinds in ``choices``, and all the rest."""

    choices: dict[str, Delivery] = {}
    quiet_from: ClockTime | None = None
    quiet_until: ClockTime | None = None
    digest: bool = True


def _shown(found: verbs.Preferences) -> NoticePreferences:
    return NoticePreferences(
        deliveries=dict(found.deliveries),
        quiet_from=found.quiet_from.isoformat("minutes") if found.quiet_from else None,
        quiet_until=found.quiet_until.isoformat("minutes") if found.quiet_until else None,
        digest=found.digest,
    )


@api_get(PREFERENCES, operation_id="notice_preferences", summary="How one is told")
async def notice_preferences(visit: NamedDependency[Visit]) -> NoticePreferences:
    """Every kind of notice with how it comes, one's quiet hours, and whether one has the digest."""
    actor = visit.member_with("profile:read")
    return _shown(await verbs.notice_preferences(visit.db, actor=actor))


@api_post(PREFERENCES, operation_id="change_notice_preferences", summary="Choose how one is told", status=200)
async def change_notice_preferences(
    visit: NamedDependency[Visit], data: JSONBody[NoticeWishes]
) -> Response[NoticePreferences]:
    """Choose how kinds of notices come; those not named stay as they are."""
    actor = visit.member_with("profile:write")

    async def work() -> NoticePreferences:
        changed = await verbs.change_notice_preferences(
            visit.db,
            actor=actor,
            choices=data.choices,
            quiet_from=time.fromisoformat(data.quiet_from) if data.quiet_from else None,
            quiet_until=time.fromisoformat(data.quiet_until) if data.quiet_until else None,
            digest=data.digest,
        )
        return _shown(changed)

    return await visit.once(work, status=200)
