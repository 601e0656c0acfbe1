"""Votes: their list, one of them with its ballot, and the form that opens one."""

from collections.abc import Sequence
from datetime import date, datetime, time
from functools import cache
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from governance import vote_words as words
from governance.ballots import GRADES, Ballot, Marks, cast_ballot, my_ballot
from governance.closing import count_vote
from governance.opening import circles_to_open_votes_in, open_vote
from governance.option_withdrawals import withdraw_option
from governance.pages.vote_results import result_of
from governance.rolls import elector
from governance.vote_policies import Threshold
from governance.votes import (
    EXPLANATION_LENGTH,
    QUESTION_LENGTH,
    VoteMethod,
    VotePhase,
    VoteShown,
    vote,
    votes,
)
from tenants.platform.errors import NotAllowed
from tenants.platform.forms import Done, Form, Nothing
from tenants.platform.inputs import LINE_PATTERN, PROSE_PATTERN
from tenants.platform.web import PAGE_LENGTH, csv_response, decode_cursor, encode_cursor
from tenants.platform.words import _, current_zone, local
from tenants.visit import Visit

Question = Annotated[str, msgspec.Meta(min_length=1, max_length=QUESTION_LENGTH, pattern=LINE_PATTERN)]
Explanation = Annotated[str, msgspec.Meta(max_length=EXPLANATION_LENGTH, pattern=PROSE_PATTERN)]
Mark = Annotated[int, msgspec.Meta(ge=0, le=99)]
ClosingTime = Annotated[str, msgspec.Meta(pattern=r"^([01]?[0-9]|2[0-3])[:h][0-5][0-9]$")]
"""A time of the day: "18:00", "18h00"."""
Standing = Annotated[int, msgspec.Meta(ge=0, le=1)]
"""1 before the count, 0 after it: the first key of the list."""
VOTE_PAGE: Final = "/{cooperative:str}/votes/{vote_id:uuid}"


class VoteDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A vote that is about to open; ``options`` has one to a line."""

    circle_id: UUID
    question: Question
    method: VoteMethod
    threshold: Threshold
    closes_on: date
    closes_time: ClosingTime
    explanation: Explanation = ""
    options: Explanation = ""


class OptionClick(msgspec.Struct, frozen=True):
    """A click on one option."""

    number: int


@cache
def ballot_fields(method: VoteMethod, numbers: tuple[int, ...]) -> type[msgspec.Struct]:
    """The fields of a ballot: one choice, or a mark for each option, all of which may be left out."""
    if method is VoteMethod.MAJORITY:
        return msgspec.defstruct("ChoiceForm", [("choice", Mark)], frozen=True)
    fields: Sequence[tuple[str, Any, Any]] = [(f"mark_{number}", Mark | None, None) for number in numbers]
    return msgspec.defstruct("MarksForm", fields, frozen=True)


# --- The list --------------------------------------------------------------------------------------------


@get("/{cooperative:str}/votes", include_in_schema=False)
async def votes_page(visit: NamedDependency[Visit], after: FromQuery[str] = "") -> Response[str]:
    """List votes, the open ones first: to members, and to anyone those that are counted."""
    cursor = decode_cursor(after, (Standing, UUID))
    found = await votes(
        visit.db,
        tenant_id=visit.here.tenant_id,
        actor=visit.actor if visit.member else None,
        after=(cursor[0], cursor[1]) if cursor else None,
        limit=PAGE_LENGTH + 1,
    )
    shown = found[:PAGE_LENGTH]
    return visit.page(
        "governance/votes.html",
        votes=shown,
        words=words,
        may_open=visit.member is not None and bool(await circles_to_open_votes_in(visit.db, visit.actor)),
        after=encode_cursor(_standing(shown[-1]), shown[-1].vote.id) if len(found) > PAGE_LENGTH else "",
    )


def _standing(shown: VoteShown) -> int:
    return 0 if shown.phase is VotePhase.COUNTED else 1


@get("/{cooperative:str}/votes.csv", include_in_schema=False)
async def votes_csv(visit: NamedDependency[Visit]) -> Response[bytes]:
    """Download the same list."""
    found = await votes(
        visit.db, tenant_id=visit.here.tenant_id, actor=visit.actor if visit.member else None, limit=None
    )
    header = [
        _("Question"),
        _("Cercle"),
        _("Méthode"),
        _("Ouvert le"),
        _("Clos le"),
        _("Liste électorale"),
        _("État"),
        _("Empreinte du dépouillement"),
        _("Identifiant"),
    ]
    rows = [
        (
            one.vote.question,
            one.circle_name,
            _(words.METHOD_TITLES[one.vote.method]),
            local(one.vote.opened_at).isoformat(timespec="seconds"),
            local(one.vote.closes_at).isoformat(timespec="seconds"),
            one.vote.electors_count,
            _(words.PHASE_TITLES[one.phase]),
            one.vote.trace_hash,
            str(one.vote.id),
        )
        for one in found
    ]
    return csv_response(f"{visit.slug}-votes.csv", header, rows)


# --- Opening ---------------------------------------------------------------------------------------------


@get("/{cooperative:str}/votes/new", include_in_schema=False)
async def new_vote(visit: NamedDependency[Visit], circle: FromQuery[UUID | None] = None) -> Response[str]:
    """Show the form that opens a vote, to whoever may open one somewhere."""
    form = visit.blank_form(
        VoteDraft,
        circle_id=str(circle or ""),
        threshold=Threshold.MORE_THAN_HALF.value,
        closes_time="18:00",
    )
    return await _form_page(visit, form)


async def _form_page(visit: Visit, form: Form[VoteDraft]) -> Response[str]:
    mine = await circles_to_open_votes_in(visit.db, visit.actor)
    if not mine:
        raise NotAllowed
    if len(mine) == 1 and not form.values["circle_id"]:
        form.values["circle_id"] = str(mine[0].id)
    return visit.page("governance/vote_form.html", form=form, circles=mine, words=words)


@post("/{cooperative:str}/votes", include_in_schema=False)
async def open_vote_form(visit: NamedDependency[Visit]) -> Response[Any]:
    """Open the vote."""
    form = await visit.form(VoteDraft)

    async def work() -> Done:
        draft = form.data
        shown = await open_vote(
            visit.db,
            actor=visit.actor,
            circle_id=draft.circle_id,
            method=draft.method,
            question=draft.question,
            explanation=draft.explanation,
            options=draft.options.splitlines(),
            threshold=draft.threshold,
            closes_at=datetime.combine(
                draft.closes_on, time(*hour_and_minute(draft.closes_time)), current_zone()
            ),
        )
        return Done(
            f"/{visit.slug}/votes/{shown.vote.id}", _("Le vote est ouvert, et les votants sont prévenus.")
        )

    return await visit.submit(form, work, otherwise=lambda: _form_page(visit, form))


def hour_and_minute(typed: str) -> tuple[int, int]:
    """The hour and the minute of a closing time."""
    hour, minute = typed.replace("h", ":").split(":")
    return int(hour), int(minute)


# --- One vote --------------------------------------------------------------------------------------------


@get(VOTE_PAGE, include_in_schema=False)
async def vote_page(visit: NamedDependency[Visit], vote_id: FromPath[UUID]) -> Response[str]:
    """Show a vote: its ballot while it is open, its result once it is counted."""
    return await _show(visit, vote_id)


async def _show(visit: Visit, vote_id: UUID, *, form: Form[Any] | None = None) -> Response[str]:
    actor = visit.actor if visit.member else None
    shown = await vote(visit.db, tenant_id=visit.here.tenant_id, actor=actor, vote_id=vote_id)
    one = shown.vote
    mine, votes_here, leads = None, False, False
    if actor is not None:
        mine = await my_ballot(visit.db, actor=actor, vote_id=vote_id)
        votes_here = await elector(visit.db, vote=one, membership_id=actor.member) is not None
        if shown.phase is VotePhase.OPEN and one.method is not VoteMethod.MAJORITY:
            circles = await circles_to_open_votes_in(visit.db, actor)
            leads = one.circle_id in {circle.id for circle in circles}
    return visit.page(
        "governance/vote.html",
        shown=shown,
        vote=one,
        policy=one.frozen_policy,
        words=words,
        ballot=mine,
        form=form or _ballot_form(visit, shown, mine),
        votes_here=votes_here,
        leads=leads,
        grades=list(enumerate(GRADES, start=1)),
        yes_or_no=one.method is VoteMethod.MAJORITY and any(option.is_default for option in shown.options),
        result=result_of(shown),
    )


def _ballot_form(visit: Visit, shown: VoteShown, mine: Ballot | None) -> Form[Any]:
    """The ballot, filled in as it was cast."""
    values = {}
    if mine is not None:
        marked = mine.marked
        if marked.choice is not None:
            values["choice"] = str(marked.choice)
        values |= {f"mark_{number}": str(mark) for number, mark in {**marked.grades, **marked.ranks}.items()}
    return visit.blank_form(_fields(shown), **values)


def _fields(shown: VoteShown) -> type[msgspec.Struct]:
    return ballot_fields(shown.vote.method, tuple(one.number for one in shown.options))


@post(VOTE_PAGE + "/ballot", include_in_schema=False)
async def cast(visit: NamedDependency[Visit], vote_id: FromPath[UUID]) -> Response[Any]:
    """Vote, or vote again."""
    shown = await vote(visit.db, tenant_id=visit.here.tenant_id, actor=visit.actor, vote_id=vote_id)
    form: Form[Any] = await visit.form(_fields(shown))

    async def work() -> Done:
        ballot = await cast_ballot(
            visit.db, actor=visit.actor, vote_id=vote_id, marks=_marks(shown.vote.method, form.fields())
        )
        again = _("Votre nouveau bulletin remplace le précédent.")
        return Done(
            f"/{visit.slug}/votes/{vote_id}",
            again if ballot.times > 1 else _("Votre bulletin est dans l'urne."),
        )

    return await visit.submit(form, work, otherwise=lambda: _show(visit, vote_id, form=form))


def _marks(method: VoteMethod, fields: dict[str, Any]) -> Marks:
    if method is VoteMethod.MAJORITY:
        return Marks(choice=fields["choice"])
    given = {int(name.removeprefix("mark_")): mark for name, mark in fields.items() if mark}
    return Marks(grades=given) if method is VoteMethod.JUDGMENT else Marks(ranks=given)


@post(VOTE_PAGE + "/options/withdraw", include_in_schema=False)
async def withdraw(visit: NamedDependency[Visit], vote_id: FromPath[UUID]) -> Response[Any]:
    """Withdraw an option."""
    form = await visit.form(OptionClick)

    async def work() -> Done:
        await withdraw_option(visit.db, actor=visit.actor, vote_id=vote_id, number=form.data.number)
        return Done(f"/{visit.slug}/votes/{vote_id}", _("L'option est retirée ; les votants sont prévenus."))

    return await visit.submit(form, work, otherwise=lambda: _show(visit, vote_id))


@post(VOTE_PAGE + "/count", include_in_schema=False)
async def count(visit: NamedDependency[Visit], vote_id: FromPath[UUID]) -> Response[Any]:
    """Count a vote whose time is over."""
    form = await visit.form(Nothing)

    async def work() -> Done:
        await count_vote(visit.db, actor=visit.actor, vote_id=vote_id)
        return Done(f"/{visit.slug}/votes/{vote_id}", _("Le vote est dépouillé."))

    return await visit.submit(form, work, otherwise=lambda: _show(visit, vote_id))


PAGES: Final = [votes_page, votes_csv, new_vote, open_vote_form, vote_page, cast, withdraw, count]
