"""`archipel recount`: count a vote again from a file, ours or one of the field's own formats, and compare.

This file must never need a database, a setting or the network.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import msgspec
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from governance.counting.contest import CannotCount, Completion, EqualShares, Utility
from governance.counting.equal_shares import Progress as Told
from governance.counting.formats.elections import Asked, Method, counted
from governance.counting.formats.files import PUBLISHED, bytes_of, read_election
from governance.counting.outcome import Outcome, Verdict
from governance.counting.published import Unreadable, differences, read, recounted
from governance.counting.workings import (
    JudgmentWorking,
    MajorityWorking,
    SchulzeWorking,
    SharesWorking,
)

AGREES: Final = 0
DIFFERS: Final = 1
_RATIO: Final = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,15}|/[0-9]{1,15})?", re.ASCII)
_VERDICTS: Final = {
    Verdict.DECIDED: "decided",
    Verdict.TIED: "a tie that nothing breaks: no decision",
    Verdict.NO_MAJORITY: "nobody has the majority",
    Verdict.NO_QUORUM: "the quorum was not met: no decision",
    Verdict.NO_BALLOTS: "no ballot says anything: no decision",
}


class Misused(Exception):
    """The options do not go together, or one of them is not understood."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What was typed."""

    method: str | None = None
    utility: str | None = None
    completion: str | None = None
    default_option: str | None = None
    quorum: str | None = None
    majority: tuple[str, ...] = ()
    as_json: bool = False


class Recount(msgspec.Struct, frozen=True, kw_only=True):
    """A count with what a reader of it needs: words for ids, the unit of money, and how it differs from what was told."""

    outcome: Outcome
    names: Mapping[str, str]
    unit: int = 1
    differing: Sequence[str] = ()
    note: str = ""


def recount(path: Path, options: Options, out: Console, screen: Console) -> int:
    """Print the count of a file; return 0, or 1 where it is not the published result. Raises Misused, Unreadable."""
    try:
        found = (
            _published(path, options, screen)
            if path.suffix.lower() == PUBLISHED
            else _foreign(path, options, screen)
        )
    except CannotCount as error:
        raise Unreadable(str(error)) from None
    if options.as_json:
        out.out(msgspec.json.encode(_as_json(found)).decode(), highlight=False)
    else:
        for line in _as_text(found):
            out.out(line, highlight=False)
    for line in found.differing:
        screen.out(line, highlight=False)
    return DIFFERS if found.differing else AGREES


def _published(path: Path, options: Options, screen: Console) -> Recount:
    if options != Options(as_json=options.as_json):
        raise Misused("a published vote says itself how it is counted: --json is the only option")
    vote = read(bytes_of(path))
    with _told(screen, wanted=isinstance(vote.contest.rule, EqualShares)) as told:
        outcome = recounted(vote, told)
    differing = differences(vote.result, outcome)
    note = (
        "The published result is another."
        if differing
        else "The published result and its trace are the same."
    )
    return Recount(outcome=outcome, names=vote.labels, differing=differing, note=note)


def _foreign(path: Path, options: Options, screen: Console) -> Recount:
    if options.method is None:
        raise Misused("--method says how to count a file that is not a published vote")
    method = Method(options.method)
    if method is not Method.EQUAL_SHARES and (options.utility or options.completion):
        raise Misused("--utility and --completion are of equal-shares")
    asked = Asked(
        method=method,
        utility=Utility(options.utility or Utility.COST),
        completion=Completion(options.completion or Completion.ADD1U),
        default_option=options.default_option,
        quorum=_exact(options.quorum, "--quorum") if options.quorum is not None else Fraction(0),
        majority=dict(_ratio(one) for one in options.majority),
    )
    election = read_election(path)
    with _told(screen, wanted=method is Method.EQUAL_SHARES) as told:
        _contest, outcome = counted(election, asked, told)
    note = ""
    if election.selected is not None and method is Method.EQUAL_SHARES:
        same = set(election.selected) == set(outcome.winners)
        note = f"The file marks {'the same' if same else 'other'} projects as selected."
    return Recount(outcome=outcome, names=election.names, unit=election.unit, note=note)


def _ratio(text: str) -> tuple[str, Fraction]:
    option, sign, ratio = text.rpartition("=")
    if not sign or not option:
        raise Misused(f"--majority is OPTION=RATIO, not {text!r}")
    return option, _exact(ratio, "--majority")


def _exact(text: str, option: str) -> Fraction:
    if not _RATIO.fullmatch(text) or (text.count("/") and not int(text.split("/")[1])):
        raise Misused(f'{option}: {text!r} is not a number: "2", "1.5" and "2/3" are')
    return Fraction(text)


@contextmanager
def _told(screen: Console, *, wanted: bool) -> Iterator[Told | None]:
    """Tell the runs of equal shares, on a terminal only."""
    if not wanted or not screen.is_terminal:
        yield None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=screen, transient=True) as bar:
        task = bar.add_task("counting")
        yield lambda step, spent: bar.update(task, description=f"run {step + 1}, spends {spent}")


def _as_json(found: Recount) -> dict[str, Any]:
    outcome = found.outcome
    answer: dict[str, Any] = {
        "winners": outcome.winners,
        "ranking": outcome.ranking,
        "ties": [tie.options for tie in outcome.ties],
        "verdict": outcome.verdict,
        "trace": outcome.trace,
    }
    if isinstance(outcome.working, SharesWorking):
        answer |= {"selected": outcome.winners, "spent": _money(outcome.working.spent, found.unit)}
    return answer


def _money(amount: int, unit: int) -> int | float:
    # Of a file in whole units this is an integer; the fraction of another is only shown, never counted with.
    return amount // unit if amount % unit == 0 else amount / unit


def _as_text(found: Recount) -> Iterator[str]:
    outcome = found.outcome

    def name(option: str) -> str:
        word = found.names.get(option, option)
        return option if word == option else f"{option} ({word})"

    yield f"Result: {_VERDICTS[outcome.verdict]}"
    for winner in outcome.winners:
        yield f"  {name(winner)}"
    for tie in outcome.ties:
        how = f", ended by {tie.broken_by}: {', '.join(tie.order)}" if tie.broken_by else ""
        yield f"Tie: {', '.join(map(name, tie.options))}{how}"
    yield "Ranking: " + " > ".join(" = ".join(tier) for tier in outcome.ranking)
    for turnout in outcome.turnout:
        of = "" if turnout.members is None else f" of {turnout.members}"
        yield f"Ballots{f' of {turnout.college}' if turnout.college else ''}: {turnout.cast}{of}, {turnout.abstained} abstaining"
    yield "Working:"
    for line in _working(found, outcome):
        yield f"  {line}"
    if found.note:
        yield found.note
    yield f"Trace: {outcome.trace}"


def _working(found: Recount, outcome: Outcome) -> Iterator[str]:
    match outcome.working:
        case MajorityWorking() as working:
            for college in working.colleges:
                votes = ", ".join(f"{option} {n}" for option, n in college.votes.items())
                carried = f", carries {college.carried}" if college.carried else ""
                yield f"{college.college or 'all'}: {votes}; weight {college.weight}{carried}"
            yield "scores: " + ", ".join(f"{option} {score}" for option, score in working.scores.items())
        case JudgmentWorking() as working:
            for profile in working.profiles:
                grades = " ".join(map(str, profile.judged))
                sign = "+" if profile.above > profile.below else "-"
                yield f"{profile.option}: {profile.grade}{sign}  [{grades}], {profile.above} above, {profile.below} below"
            yield from [f"numbers in 1/{working.unit} of a ballot"] if working.unit > 1 else []
        case SchulzeWorking() as working:
            yield from _compared(working)
        case SharesWorking() as working:
            yield f"budget {_money(working.budget, found.unit)}, spent {_money(working.spent, found.unit)}, raised {working.raised} times"
            for one in working.rounds:
                payment = one.payment / found.unit
                yield (
                    f"{one.option}: {_money(one.cost, found.unit)} by {one.supporters}, of whom {one.paid_in_full} paid"
                    f" {float(payment):.4f} ({payment})"
                )
            yield from [f"completed by votes: {', '.join(working.completed)}"] if working.completed else []


def _compared(working: SchulzeWorking) -> Iterator[str]:
    width = max(len(str(n)) for row in (working.options, *working.pairwise) for n in row)
    yield " ".join(f"{text:>{width}}" for text in ("", *working.options))
    for option, row in zip(working.options, working.pairwise, strict=True):
        yield " ".join(f"{text:>{width}}" for text in (option, *row))
    yield from [f"numbers in 1/{working.unit}"] if working.unit > 1 else []
    for gate in working.gates:
        fails = [
            *([] if gate.quorum_met else ["below the quorum"]),
            *([] if gate.majority_met else ["without its majority"]),
        ]
        if fails:
            yield f"{gate.option}: {gate.preferring} to {gate.opposing} against the default, {' and '.join(fails)}: dropped"
    for path in working.paths:
        votes_for, against = path.votes
        yield f"{' > '.join(path.path)}: {votes_for} to {against}"
