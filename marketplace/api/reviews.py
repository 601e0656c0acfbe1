"""Operations on reviews, and on reports of reviews and messages. Each calls one verb or one query."""

from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from marketplace import reports as report_verbs
from marketplace import review_lists, reviews
from marketplace.api.messages import HERE, MISSION, before_of
from marketplace.reports import Outcome, Reason, ReportShown
from marketplace.review_lists import MissionReviews, ReviewCounts, ReviewShown
from marketplace.reviews import ReviewTerms, ReviewText
from tenants.platform.web import (
    PAGE_LENGTH,
    After,
    Limit,
    Page,
    api_get,
    api_post,
    encode_cursor,
)
from tenants.visit import Visit

REVIEW: Final = HERE + "/reviews/{review_id:uuid}"

OnlyWaiting = Annotated[bool, QueryParameter(name="waiting", description="Only those without an answer.")]


class NewAnswer(msgspec.Struct, frozen=True):
    """What to answer, once."""

    answer: ReviewText


class NewReport(msgspec.Struct, frozen=True):
    """What is wrong with it, for the mediators."""

    reason: Reason


class NewDecision(msgspec.Struct, frozen=True):
    """What becomes of it, and why."""

    outcome: Outcome
    decision: Reason


class Reported(msgspec.Struct, frozen=True):
    """A report, and what was decided on it so far."""

    id: UUID
    outcome: Outcome | None


@api_get(MISSION + "/reviews", operation_id="mission_reviews", summary="Read the reviews of one's mission")
async def mission_reviews(visit: NamedDependency[Visit], mission_id: FromPath[UUID]) -> MissionReviews:
    """Read what may be read of the reviews of a mission in which one took part, and whom one may still review."""
    actor = visit.member_with("missions:read")
    return await review_lists.mission_reviews(visit.db, actor=actor, mission_id=mission_id)


@api_post(MISSION + "/reviews", operation_id="write_review", summary="Review somebody", status=200)
async def write_review(
    visit: NamedDependency[Visit], mission_id: FromPath[UUID], data: JSONBody[ReviewTerms]
) -> Response[MissionReviews]:
    """Say how a mission went with somebody, or say it otherwise before it is revealed."""
    actor = visit.member_with("missions:write")

    async def work() -> MissionReviews:
        await reviews.write_review(visit.db, actor=actor, mission_id=mission_id, terms=data)
        return await review_lists.mission_reviews(visit.db, actor=actor, mission_id=mission_id)

    return await visit.once(work, status=200)


class ReviewsOfMember(msgspec.Struct, frozen=True):
    """A page of what others said of a member, and the counts of all of it."""

    counts: ReviewCounts
    items: list[ReviewShown]
    next: str | None


@api_get(
    HERE + "/members/{membership_id:uuid}/reviews",
    operation_id="member_reviews",
    summary="Read what others said of a member",
)
async def member_reviews(
    visit: NamedDependency[Visit],
    membership_id: FromPath[UUID],
    limit: Limit = PAGE_LENGTH,
    after: After = None,
) -> ReviewsOfMember:
    """Read the reviews of a member, the newest first, with their counts."""
    actor = visit.member_with("profile:read")
    found = await review_lists.member_reviews(
        visit.db, actor=actor, membership_id=membership_id, before=before_of(after), limit=limit + 1
    )
    return ReviewsOfMember(
        await review_lists.review_counts(visit.db, tenant_id=actor.tenant_id, membership_id=membership_id),
        list(found[:limit]),
        encode_cursor(found[limit - 1].id) if len(found) > limit else None,
    )


@api_post(REVIEW + "/answer", operation_id="answer_review", summary="Answer a review", status=200)
async def answer_review(
    visit: NamedDependency[Visit], review_id: FromPath[UUID], data: JSONBody[NewAnswer]
) -> Response[MissionReviews]:
    """Answer a review of oneself, once."""
    actor = visit.member_with("missions:write")

    async def work() -> MissionReviews:
        review = await reviews.answer_review(visit.db, actor=actor, review_id=review_id, answer=data.answer)
        return await review_lists.mission_reviews(visit.db, actor=actor, mission_id=review.mission_id)

    return await visit.once(work, status=200)


@api_post(REVIEW + "/report", operation_id="report_review", summary="Report a review")
async def report_review(
    visit: NamedDependency[Visit], review_id: FromPath[UUID], data: JSONBody[NewReport]
) -> Response[Reported]:
    """Bring a review before the mediators."""
    actor = visit.member_with("missions:write")

    async def work() -> Reported:
        made = await report_verbs.report_review(
            visit.db, actor=actor, review_id=review_id, reason=data.reason
        )
        return Reported(made.id, made.outcome)

    return await visit.once(work)


@api_post(
    HERE + "/messages/{message_id:uuid}/report", operation_id="report_message", summary="Report a message"
)
async def report_message(
    visit: NamedDependency[Visit], message_id: FromPath[UUID], data: JSONBody[NewReport]
) -> Response[Reported]:
    """Bring a message that one received before the mediators."""
    actor = visit.member_with("missions:write")

    async def work() -> Reported:
        made = await report_verbs.report_message(
            visit.db, actor=actor, message_id=message_id, reason=data.reason
        )
        return Reported(made.id, made.outcome)

    return await visit.once(work)


@api_get(HERE + "/reports", operation_id="reports", summary="List reports")
async def reports(
    visit: NamedDependency[Visit],
    only_waiting: OnlyWaiting = False,  # noqa: FBT002 (a parameter of the address)
    limit: Limit = PAGE_LENGTH,
    after: After = None,
) -> Page[ReportShown]:
    """List what was reported, the newest first. Mediators only."""
    actor = visit.member_with("missions:read")
    found = await report_verbs.reports(
        visit.db, actor=actor, before=before_of(after), limit=limit + 1, waiting=only_waiting
    )
    return Page(
        items=list(found[:limit]), next=encode_cursor(found[limit - 1].id) if len(found) > limit else None
    )


@api_post(
    HERE + "/reports/{report_id:uuid}/decide",
    operation_id="decide_report",
    summary="Decide on a report",
    status=200,
)
async def decide_report(
    visit: NamedDependency[Visit], report_id: FromPath[UUID], data: JSONBody[NewDecision]
) -> Response[Reported]:
    """Leave or hide what was reported, with a reason; a mediator who has no part in it."""
    actor = visit.member_with("missions:write")

    async def work() -> Reported:
        made = await report_verbs.decide_report(
            visit.db, actor=actor, report_id=report_id, outcome=data.outcome, decision=data.decision
        )
        return Reported(made.id, made.outcome)

    return await visit.once(work, status=200)


API: Final = (
    mission_reviews,
    write_review,
    member_reviews,
    answer_review,
    report_review,
    report_message,
    reports,
    decide_report,
)
