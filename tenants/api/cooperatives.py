"""The cooperative in the JSON API: what it says of itself to anyone, and its settings for managers."""

from datetime import date
from typing import Final

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import JSONBody

from tenants import cooperatives as verbs
from tenants.cooperatives import LegalProfile
from tenants.pages.settings import Settings
from tenants.platform.accents import Accent
from tenants.platform.web import api_get, api_post
from tenants.visit import Visit

# Not "/{cooperative}" alone: beside the OpenAPI documents, that path is taken.
SETTINGS: Final = "/{cooperative:str}/settings"


class CooperativeSeen(msgspec.Struct, frozen=True, kw_only=True):
    """What a cooperative says of itself. ``territory`` is the code of a French département."""

    slug: str
    name: str
    legal_profile: LegalProfile
    territory: str
    locale: str
    time_zone: str
    accent: Accent
    presentation: str
    founded_at: date


def as_seen(found: verbs.Cooperative) -> CooperativeSeen:
    """The cooperative as anyone may see it."""
    facts = {name: getattr(found, name) for name in CooperativeSeen.__struct_fields__}
    return CooperativeSeen(**facts)


@api_get(SETTINGS, operation_id="cooperative", summary="Read the cooperative", public=True)
async def cooperative(visit: NamedDependency[Visit]) -> CooperativeSeen:
    """Read what the cooperative says of itself; open to anyone."""
    return as_seen(await verbs.cooperative_of(visit.db, tenant_id=visit.here.tenant_id))


@api_post(SETTINGS, operation_id="change_settings", summary="Change the settings", status=200)
async def change_settings(
    visit: NamedDependency[Visit], data: JSONBody[Settings]
) -> Response[CooperativeSeen]:
    """Change what the cooperative says of itself; its slug stays. Managers only."""
    actor = visit.member_with("governance:write")

    async def work() -> CooperativeSeen:
        fields = {name: getattr(data, name) for name in data.__struct_fields__}
        return as_seen(await verbs.change_settings(visit.db, actor=actor, **fields))

    return await visit.once(work, status=200)
