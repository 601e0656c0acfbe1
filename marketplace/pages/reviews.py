"""Reviews: those of a mission one took part in, those of a member, and what mediators read of reports."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from markupsafe import Markup

from marketplace.api.messages import before_of
from marketplace.api.reviews import NewAnswer, NewDecision, NewReport
from marketplace.reports import Outcome, decide_report, report_review, reports
from marketplace.review_lists import member_reviews, mission_reviews, review_counts, where_it_stands
from marketplace.reviews import VERDICT_WORDS, ReviewTerms, answer_review, write_review
from tenants.memberships import Membership, member
from tenants.pages.members import declare_part
from tenants.platform.forms import Done, Form
from tenants.platform.inputs import OptionalLine
from tenants.platform.templating import render
from tenants.platform.web import PAGE_LENGTH, csv_response, encode_cursor
from tenants.platform.words import _
from tenants.profiles import Standing
from tenants.visit import Visit

HERE: Final = "/{cooperative:str}"
OF_MISSION: Final = HERE + "/missions/{mission_id:uuid}/reviews"
OF_MEMBER: Final = HERE + "/members/{membership_id:uuid}/reviews"
REVIEW: Final = HERE + "/reviews/{review_id:uuid}"
CSV_AT_MOST: Final = 10_000
AT_MISSION: Final = "mission"


class AnswerForm(NewAnswer, frozen=True):
    """An answer; ``at`` is where it was read: ``mission``, or a page of the list of a member's (empty: the first)."""

    at: OptionalLine = ""


class ReportForm(NewReport, frozen=True):
    """A report; ``at`` as above."""

    at: OptionalLine = ""


@get(OF_MISSION, include_in_schema=False)
async def mission_reviews_page(visit: NamedDependency[Visit], mission_id: FromPath[UUID]) -> Response[str]:
    """Show what was said after a mission, and the form to say it."""
    return await _mission(visit, mission_id, visit.blank_form(ReviewTerms))


async def _mission(visit: Visit, mission_id: UUID, form: Form[Any]) -> Response[str]:
    found = await mission_reviews(visit.db, actor=visit.actor, mission_id=mission_id)
    if not form.values.get("subject_id") and len(found.to_review) == 1:
        form.values["subject_id"] = str(found.to_review[0].id)
    return visit.page(
        "marketplace/mission_reviews.html",
        form=form,
        found=found,
        mission_id=mission_id,
        subjects=[(str(one.id), one.name) for one in found.to_review],
        verdicts=[(one.value, _(words), "") for one, words in VERDICT_WORDS.items()],
        verdict_words=VERDICT_WORDS,
        answer=visit.blank_form(AnswerForm, at=AT_MISSION),
        report=visit.blank_form(ReportForm, at=AT_MISSION),
    )


@post(OF_MISSION, include_in_schema=False)
async def write(visit: NamedDependency[Visit], mission_id: FromPath[UUID]) -> Response[Any]:
    """Say how it went."""
    form = await visit.form(ReviewTerms)

    async def work() -> Done:
        review = await write_review(visit.db, actor=visit.actor, mission_id=mission_id, terms=form.data)
        notice = (
            _("Les deux avis sont écrits : chacun peut lire l'autre.")
            if review.revealed_at
            else _(
                "Votre avis est gardé. Il se découvre quand l'autre a écrit le sien, ou le {due_at}.",
                due_at=review.due_at,
            )
        )
        return Done(f"/{visit.slug}/missions/{mission_id}/reviews", notice)

    return await visit.submit(form, work, otherwise=lambda: _mission(visit, mission_id, form))


@get(OF_MEMBER, include_in_schema=False)
async def member_reviews_page(
    visit: NamedDependency[Visit], membership_id: FromPath[UUID], after: FromQuery[str] = ""
) -> Response[str]:
    """Show what others said of a member."""
    return await _member(visit, membership_id, after)


async def _member(visit: Visit, membership_id: UUID, after: str = "") -> Response[str]:
    shown = await member(visit.db, actor=visit.actor, membership_id=membership_id)
    found = await member_reviews(
        visit.db,
        actor=visit.actor,
        membership_id=membership_id,
        before=before_of(after),
        limit=PAGE_LENGTH + 1,
    )
    listed = found[:PAGE_LENGTH]
    return visit.page(
        "marketplace/member_reviews.html",
        shown=shown,
        counts=await review_counts(visit.db, tenant_id=visit.here.tenant_id, membership_id=membership_id),
        reviews=listed,
        older=encode_cursor(listed[-1].id) if len(found) > PAGE_LENGTH else "",
        verdict_words=VERDICT_WORDS,
        answer=visit.blank_form(AnswerForm, at=after),
        report=visit.blank_form(ReportForm, at=after),
    )


@get(OF_MEMBER + ".csv", include_in_schema=False)
async def member_reviews_csv(visit: NamedDependency[Visit], membership_id: FromPath[UUID]) -> Response[bytes]:
    """Download them."""
    found = await member_reviews(visit.db, actor=visit.actor, membership_id=membership_id, limit=CSV_AT_MOST)
    header = [_("Date"), _("Par"), _("Appréciation"), _("En quelques mots"), _("Réponse")]
    rows = [
        (
            one.written_at.date(),
            one.author.name,
            _(VERDICT_WORDS[one.verdict]),
            one.words,
            one.answer or "",
        )
        for one in found
    ]
    return csv_response(f"{visit.slug}-reviews.csv", header, rows)


@post(REVIEW + "/answer", include_in_schema=False)
async def answer(visit: NamedDependency[Visit], review_id: FromPath[UUID]) -> Response[Any]:
    """Answer a review of mine."""
    form = await visit.form(AnswerForm)
    place = await _place(visit, review_id, form)

    async def work() -> Done:
        await answer_review(visit.db, actor=visit.actor, review_id=review_id, answer=form.data.answer)
        return Done(place.path, _("Votre réponse est publiée sous l'avis."))

    return await visit.submit(form, work, otherwise=place.page)


@post(REVIEW + "/report", include_in_schema=False)
async def report(visit: NamedDependency[Visit], review_id: FromPath[UUID]) -> Response[Any]:
    """Bring a review before the mediators."""
    form = await visit.form(ReportForm)
    place = await _place(visit, review_id, form)

    async def work() -> Done:
        await report_review(visit.db, actor=visit.actor, review_id=review_id, reason=form.data.reason)
        return Done(place.path, _("La médiation va lire votre signalement."))

    return await visit.submit(form, work, otherwise=place.page)


@dataclass(frozen=True, slots=True)
class _Place:
    """The page on which a review was read, and its address."""

    path: str
    page: Callable[[], Awaitable[Response[str]]]


async def _place(visit: Visit, review_id: UUID, form: Form[Any]) -> _Place:
    """Where the form was sent from: its mission's page, or that of the member it is about. Raises NotFound."""
    mission_id, subject_id = await where_it_stands(visit.db, actor=visit.actor, review_id=review_id)
    at = form.values.get("at", "")
    if at == AT_MISSION:
        return _Place(
            f"/{visit.slug}/missions/{mission_id}/reviews",
            lambda: _mission(visit, mission_id, visit.blank_form(ReviewTerms)),
        )
    return _Place(
        f"/{visit.slug}/members/{subject_id}/reviews" + (f"?after={quote(at)}" if at else ""),
        lambda: _member(visit, subject_id, at),
    )


# --- Reports, for the mediators ----------------------------------------------------------------------------


@get(HERE + "/reports", include_in_schema=False)
async def reports_page(visit: NamedDependency[Visit], after: FromQuery[str] = "") -> Response[str]:
    """List what was reported."""
    return await _reports(visit, after)


async def _reports(visit: Visit, after: str = "") -> Response[str]:
    found = await reports(visit.db, actor=visit.actor, before=before_of(after), limit=PAGE_LENGTH + 1)
    shown = found[:PAGE_LENGTH]
    return visit.page(
        "marketplace/reports.html",
        form=visit.blank_form(NewDecision),
        reports=shown,
        older=encode_cursor(shown[-1].id) if len(found) > PAGE_LENGTH else "",
    )


@get(HERE + "/reports.csv", include_in_schema=False)
async def reports_csv(visit: NamedDependency[Visit]) -> Response[bytes]:
    """Download the reports, without what was reported."""
    found = await reports(visit.db, actor=visit.actor, limit=CSV_AT_MOST)
    header = [_("Date"), _("Par"), _("Motif"), _("Suite"), _("Décision"), _("Décidé par")]
    rows = [
        (
            one.reported_at.date(),
            one.reporter,
            one.reason,
            {Outcome.HIDDEN: _("masqué"), Outcome.LEFT: _("laissé")}[one.outcome] if one.outcome else "",
            one.decision or "",
            one.decided_by or "",
        )
        for one in found
    ]
    return csv_response(f"{visit.slug}-reports.csv", header, rows)


@post(HERE + "/reports/{report_id:uuid}/decide", include_in_schema=False)
async def decide(visit: NamedDependency[Visit], report_id: FromPath[UUID]) -> Response[Any]:
    """Leave or hide what was reported."""
    form = await visit.form(NewDecision)

    async def work() -> Done:
        await decide_report(visit.db, actor=visit.actor, report_id=report_id, **form.fields())
        return Done(f"/{visit.slug}/reports", _("Votre décision est enregistrée."))

    return await visit.submit(form, work, otherwise=lambda: _reports(visit))


# --- On a member's page ------------------------------------------------------------------------------------


async def reviews_part(visit: Visit, shown: Membership, standing: Standing) -> str:
    """The counts of a member's reviews on their page, for members."""
    if standing is Standing.STRANGER:
        return ""
    counts = await review_counts(visit.db, tenant_id=shown.tenant_id, membership_id=shown.id)
    return Markup(  # noqa: S704 (a template of ours, which escapes what it is given)
        render(
            "marketplace/review_counts.html",
            visit=visit,
            shown=shown,
            counts=counts,
            verdict_words=VERDICT_WORDS,
        )
    )


declare_part(reviews_part)

PAGES: Final = (
    mission_reviews_page,
    write,
    member_reviews_page,
    member_reviews_csv,
    answer,
    report,
    reports_page,
    reports_csv,
    decide,
)
