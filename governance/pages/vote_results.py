"""What a counted vote shows: its result in words, the working, and the ballots without their voters."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from governance.ballots import GRADES
from governance.counting.outcome import Outcome, Verdict
from governance.counting.workings import SchulzeWorking
from governance.counts import outcome_of, published_ballots, vote_file
from governance.votes import VoteMethod, VoteShown, vote
from tenants.platform.web import PAGE_LENGTH, csv_response, decode_cursor, encode_cursor
from tenants.platform.words import _, gettext, listing, number, percent
from tenants.visit import Visit

VOTE_PAGE: Final = "/{cooperative:str}/votes/{vote_id:uuid}"
HUNDRED: Final = 100
Receipt = Annotated[str, QueryParameter(max_length=100)]
"""A receipt, or the beginning of one."""


@dataclass(frozen=True, slots=True)
class Result:
    """An outcome with the words that a page needs."""

    outcome: Outcome
    labels: dict[str, str]
    colleges: dict[str, str]
    sentence: str
    tone: str

    def label(self, option: str) -> str:
        """What an option is called on the ballot."""
        return self.labels.get(option, option)

    def named(self, options: tuple[str, ...]) -> str:
        """Several options, as a sentence lists them."""
        return listing([self.label(one) for one in options])

    def college(self, college: str) -> str:
        """A college by its name; everybody, where there is none."""
        return self.colleges.get(college) or _("Ensemble")

    def path(self, options: tuple[str, ...]) -> str:
        """A path of defeats, from its winner on."""
        return " → ".join(self.label(one) for one in options)

    def share(self, part: Fraction | int, whole: int = 1) -> str:
        """A part in percent, rounded for people: the exact fraction is in the file. "" of nothing."""
        return percent(_hundredths(part, whole)) if whole else ""

    def width(self, part: Fraction | int, whole: int = 1) -> str:
        """The same as a length in a picture, without its sign."""
        return str(round(_hundredths(part, whole), 3)) if whole else "0"

    def voices(self, units: int) -> str:
        """A number of ballots or, under colleges, what part of all the weight they are."""
        working = self.outcome.working
        unit = working.unit if isinstance(working, SchulzeWorking) else 1
        return self.share(Fraction(units, unit)) if self.colleges else number(units)


def result_of(shown: VoteShown) -> Result | None:
    """The result of a vote, None until it may be told."""
    outcome = outcome_of(shown.vote)
    if outcome is None:
        return None
    labels = {str(one.number): one.label for one in shown.options}
    winners = listing([labels[one] for one in outcome.winners])
    default = {str(one.number) for one in shown.options if one.is_default}
    sentence, tone = _sentence(outcome.verdict, winners)
    if outcome.verdict is Verdict.DECIDED and shown.vote.method is VoteMethod.MAJORITY and default:
        against = set(outcome.winners) <= default
        sentence = _("La question n'est pas adoptée.") if against else _("La question est adoptée.")
        tone = "warn" if against else "good"
    return Result(
        outcome=outcome,
        labels=labels,
        colleges={str(one.id): one.name for one in shown.vote.frozen_policy.colleges},
        sentence=sentence,
        tone=tone,
    )


def _sentence(verdict: Verdict, winners: str) -> tuple[str, str]:
    match verdict:
        case Verdict.DECIDED:
            return _("L'emporte : {winners}.", winners=winners), "good"
        case Verdict.TIED:
            return _("Égalité : {winners}. Ce vote ne décide pas.", winners=winners), "warn"
        case Verdict.NO_MAJORITY:
            return _("Aucune option ne réunit la majorité demandée : ce vote ne décide pas."), "warn"
        case Verdict.NO_QUORUM:
            return _("Le quorum n'est pas atteint : ce vote ne décide pas."), "warn"
        case Verdict.NO_BALLOTS:
            return _("Personne ne s'est exprimé : ce vote ne décide pas."), "warn"


def _hundredths(part: Fraction | int, whole: int) -> Decimal:
    exact = Fraction(part) * HUNDRED / whole
    return Decimal(exact.numerator) / Decimal(exact.denominator)


def say_marks(method: VoteMethod, labels: list[str], marks: tuple[int, ...]) -> str:
    """A ballot in words, in the order of its options."""
    if not any(marks):
        return _("Abstention")
    if method is VoteMethod.MAJORITY:
        return labels[marks.index(1)]
    said = []
    for label, mark in zip(labels, marks, strict=True):
        if mark:
            value = gettext(GRADES[mark - 1]) if method is VoteMethod.JUDGMENT else number(mark)
            said.append(_("{label} : {value}", label=label, value=value))
    return " · ".join(said)


@get(VOTE_PAGE + "/ballots", include_in_schema=False)
async def ballots_page(
    visit: NamedDependency[Visit], vote_id: FromPath[UUID], receipt: Receipt = "", after: Receipt = ""
) -> Response[str]:
    """List the ballots of a counted vote, to anyone; a receipt is looked for among them."""
    actor = visit.actor if visit.member else None
    shown = await vote(visit.db, tenant_id=visit.here.tenant_id, actor=actor, vote_id=vote_id)
    _file, ballots = await published_ballots(visit.db, tenant_id=visit.here.tenant_id, vote_id=vote_id)
    wanted = "".join(receipt.split()).lower()
    cursor = decode_cursor(after, (str,))
    found = [
        one
        for one in ballots
        if one.receipt.startswith(wanted) and (cursor is None or one.receipt > cursor[0])
    ]
    page = found[:PAGE_LENGTH]
    return visit.page(
        "governance/vote_ballots.html",
        vote=shown.vote,
        ballots=page,
        count=len(ballots),
        receipt=receipt,
        labels=[one.label for one in shown.options],
        result=result_of(shown),
        say_marks=say_marks,
        after=encode_cursor(page[-1].receipt) if len(found) > PAGE_LENGTH else "",
    )


@get(VOTE_PAGE + "/ballots.csv", include_in_schema=False)
async def ballots_csv(visit: NamedDependency[Visit], vote_id: FromPath[UUID]) -> Response[bytes]:
    """Download the same list, marks in figures as in the public file."""
    file, ballots = await published_ballots(visit.db, tenant_id=visit.here.tenant_id, vote_id=vote_id)
    labels = [file.labels.get(one, one) for one in file.contest.options]
    rows = [(one.receipt, file.labels.get(one.college, ""), *one.marks) for one in ballots]
    return csv_response(f"{visit.slug}-bulletins.csv", [_("Le reçu"), _("Collège"), *labels], rows)


@get(VOTE_PAGE + "/file", include_in_schema=False)
async def file(visit: NamedDependency[Visit], vote_id: FromPath[UUID]) -> Response[Any]:
    """Download the public file, which ``archipel recount`` checks."""
    text = await vote_file(visit.db, tenant_id=visit.here.tenant_id, vote_id=vote_id)
    name = f"{visit.slug}-vote-{vote_id}.json"
    return Response(
        text.encode(),
        media_type="application/json",
        headers={"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"},
    )


PAGES: Final = [ballots_page, ballots_csv, file]
