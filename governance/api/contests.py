"""Contesting rules in the JSON API."""

from typing import Annotated, Final

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from governance import contests
from governance.api.proposals import WRITE
from governance.contests import REASON_LENGTH, ReviewCause
from tenants.platform.inputs import LINE_PATTERN
from tenants.platform.web import api_post
from tenants.visit import Visit

CONTEST: Final = "/{cooperative:str}/rules/{name:str}/contest"


class Contesting(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why the rule should be looked at again."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=REASON_LENGTH, pattern=LINE_PATTERN)]


class ContestedAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """How many contest the version in force, how many reopen it, and what has reopened it."""

    contests: int
    needed: int
    causes: list[ReviewCause]


@api_post(CONTEST, operation_id="contest_rule", summary="Contest a rule", status=200)
async def contest_rule(
    visit: NamedDependency[Visit], name: FromPath[str], data: JSONBody[Contesting]
) -> Response[ContestedAnswer]:
    """Contest the version of a rule that is in force."""
    actor = visit.member_with(WRITE)

    async def work() -> ContestedAnswer:
        return _answer(await contests.contest_rule(visit.db, actor=actor, rule=name, reason=data.reason))

    return await visit.once(work, status=200)


@api_post(
    CONTEST + "/withdraw", operation_id="uncontest_rule", summary="Take a contest of a rule back", status=200
)
async def uncontest_rule(visit: NamedDependency[Visit], name: FromPath[str]) -> Response[ContestedAnswer]:
    """Take one's contest back."""
    actor = visit.member_with(WRITE)

    async def work() -> ContestedAnswer:
        return _answer(await contests.uncontest_rule(visit.db, actor=actor, rule=name))

    return await visit.once(work, status=200)


def _answer(found: contests.Contested) -> ContestedAnswer:
    return ContestedAnswer(contests=len(found.contests), needed=found.needed, causes=sorted(found.causes))


API: Final = [contest_rule, uncontest_rule]
