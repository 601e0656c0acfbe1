"""The person's second factor in the JSON API, for a browser that is signed in. An API token is refused."""

from datetime import datetime
from typing import Final

import msgspec
from litestar.di import NamedDependency
from litestar.params import JSONBody

from tenants import enrolments
from tenants.pages.account import at_the_browser
from tenants.pages.second_factor import BeginForm, CodeForm, DisableForm
from tenants.platform.web import api_get, api_post
from tenants.second_factors import factor_state
from tenants.visit import Visit

FACTOR: Final = "/me/second-factor"


class FactorSeen(msgspec.Struct, frozen=True, kw_only=True):
    """Where one's second factor stands; ``since`` is null without one."""

    since: datetime | None
    recovery_codes_left: int


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """What the telephone takes: a secret in base32, and the same as an otpauth address."""

    secret: str
    uri: str


class RecoveryCodes(msgspec.Struct, frozen=True, kw_only=True):
    """Codes for the day the telephone is lost. They are in no other answer."""

    codes: list[str]


@api_get(FACTOR, operation_id="my_second_factor", summary="The state of the second factor")
async def my_second_factor(visit: NamedDependency[Visit]) -> FactorSeen:
    """Read whether a second factor is asked for, and how many recovery codes are left."""
    person, _sign_in_id = at_the_browser(visit)
    state = await factor_state(visit.db, person_id=person.id)
    return FactorSeen(since=state.since, recovery_codes_left=state.codes_left)


@api_post(FACTOR + "/begin", operation_id="begin_second_factor", summary="Begin a second factor", status=200)
async def begin_second_factor(visit: NamedDependency[Visit], data: JSONBody[BeginForm]) -> Begun:
    """Make a secret; it counts once it was confirmed by a code."""
    person, sign_in_id = at_the_browser(visit)
    begun = await enrolments.begin_second_factor(
        visit.db,
        visit.house.throttle,
        seal=visit.house.seal,
        person_id=person.id,
        sign_in_id=sign_in_id,
        current_password=data.current_password or None,
    )
    return Begun(secret=begun.secret, uri=begun.uri)


@api_post(
    FACTOR + "/confirm", operation_id="confirm_second_factor", summary="Confirm a second factor", status=200
)
async def confirm_second_factor(visit: NamedDependency[Visit], data: JSONBody[CodeForm]) -> RecoveryCodes:
    """Show the first code; every other browser is signed out."""
    person, sign_in_id = at_the_browser(visit)
    codes = await enrolments.confirm_second_factor(
        visit.db,
        visit.house.throttle,
        seal=visit.house.seal,
        person_id=person.id,
        sign_in_id=sign_in_id,
        code=data.code,
    )
    return RecoveryCodes(codes=codes)


@api_post(FACTOR + "/codes", operation_id="renew_recovery_codes", summary="Renew recovery codes", status=200)
async def renew_recovery_codes(visit: NamedDependency[Visit], data: JSONBody[CodeForm]) -> RecoveryCodes:
    """Get ten new recovery codes for a fresh code."""
    person, _sign_in_id = at_the_browser(visit)
    codes = await enrolments.renew_recovery_codes(
        visit.db, visit.house.throttle, seal=visit.house.seal, person_id=person.id, code=data.code
    )
    return RecoveryCodes(codes=codes)


@api_post(
    FACTOR + "/disable", operation_id="disable_second_factor", summary="Give up the second factor", status=200
)
async def disable_second_factor(visit: NamedDependency[Visit], data: JSONBody[DisableForm]) -> FactorSeen:
    """Give the second factor up, for a fresh code and the password."""
    person, sign_in_id = at_the_browser(visit)
    await enrolments.disable_second_factor(
        visit.db,
        visit.house.throttle,
        seal=visit.house.seal,
        person_id=person.id,
        sign_in_id=sign_in_id,
        code=data.code,
        current_password=data.current_password or None,
    )
    return FactorSeen(since=None, recovery_codes_left=0)
