"""The rule that weighs colleges: how much of a vote each college carries, and what the law says about it.

Weights are whole numbers and count by their proportion, so that thirds are exact: 25, 25, 50 and 1, 1, 2 are the same.
They change as every rule does, by an assembly or an adopted proposal, from a date on, never for the past. This file
must never read a row, nor know who is in a college.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from tenants.legal_profiles import Certainty, Finding, Severity
from tenants.platform.entries import fold
from tenants.platform.errors import Refusal
from tenants.platform.inputs import LINE_PATTERN
from tenants.platform.words import N_, _, listing, percent
from tenants.rules import Rule, Unit, declare

MOST_COLLEGES: Final = 20
LARGEST_WEIGHT: Final = 1_000
NAME_LENGTH: Final = 60
SCIC_COLLEGES: Final = 3
ARTICLE: Final = "Loi n° 47-1775 du 10 septembre 1947, art. 19 octies"

# What somebody types for one college: a name, and a weight with or without its sign of percentage.
_TYPED: Final = re.compile(r"(?P<name>.*?\S)\s*[:=]?\s*(?P<weight>[0-9]{1,4})\s*%?")


class WeightsUnfit(Refusal):
    """Not a list of distinct colleges with a weight each."""

    status = 422
    code = "weights_unfit"
    message = N_(
        "Écrivez au moins deux collèges et le poids de chacun, par exemple « Salariés 40, Usagers 35, Soutiens 25 » "
        "(de 1 à {most} chacun, {colleges} collèges au plus), ou « aucun » pour voter sans collèges."
    )
    default_field = "value"


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsRule(Rule):
    """A rule whose value is a list of colleges, each ``{"name": ..., "weight": ...}``; empty where there are none."""

    def check(self, value: object, *, field: str | None = None) -> Any:
        """Return the value to store. Raises WeightsUnfit."""
        if value == []:
            return []
        if not isinstance(value, list) or not 1 < len(value) <= MOST_COLLEGES:
            raise self._unfit(field)
        if not all(_is_weight(one) for one in value) or len({fold(one["name"]) for one in value}) < len(
            value
        ):
            raise self._unfit(field)
        return [{"name": one["name"], "weight": one["weight"]} for one in value]

    def read(self, typed: str, *, field: str | None = None) -> Any:
        """The weights that somebody typed ("Salariés 40, Usagers 60 %", "aucun"), checked. Raises WeightsUnfit."""
        if fold(typed) in {"", fold(_("aucun")), "aucun", "none"}:
            return []
        # Of many spaces one is left: the expression would try each in two places.
        parts = [" ".join(part.split()) for part in re.split(r"[,;\n]", typed)]
        found = [_TYPED.fullmatch(part) for part in parts if part]
        weights = [{"name": one["name"].rstrip(" :="), "weight": int(one["weight"])} for one in found if one]
        return self.check(weights if len(weights) == len(found) else None, field=field)

    def say(self, value: Any) -> str:
        """The shares in words: "Salariés 40 %, Usagers 35 % et Soutiens 25 %"."""
        if not value:
            return _("sans collèges")
        return listing([f"{name} {said_share(share)}" for name, share in shares_of(value).items()])

    @staticmethod
    def _unfit(field: str | None) -> WeightsUnfit:
        return WeightsUnfit(field, most=LARGEST_WEIGHT, colleges=MOST_COLLEGES)


def _is_weight(one: object) -> bool:
    """Whether this weighs a college, under a name that reads back as it was written."""
    if not isinstance(one, dict) or set(one) != {"name", "weight"}:
        return False
    name, weight = one["name"], one["weight"]
    return (
        type(weight) is int
        and 1 <= weight <= LARGEST_WEIGHT
        and isinstance(name, str)
        and len(name) <= NAME_LENGTH
        and name == name.strip()
        and bool(fold(name))
        and re.fullmatch(LINE_PATTERN, name) is not None
        and re.search(r"[,;]|[-0-9:=%]$", name) is None
    )


def shares_of(value: Sequence[Mapping[str, Any]]) -> dict[str, Fraction]:
    """What each college weighs, by its name, as exact fractions whose sum is one; empty for no colleges."""
    whole = sum(one["weight"] for one in value)
    return {one["name"]: Fraction(one["weight"], whole) for one in value}


def said_share(share: Fraction) -> str:
    """A share to the tenth of a percent: 1/3 is "33,3 %"."""
    return percent(round(float(share * 100), 1))


_TOO_FEW: Final = Finding(
    severity=Severity.REFUSAL,
    article=ARTICLE,
    sentence=N_("Une SCIC qui vote par collèges en a au moins trois."),
    certainty=Certainty.REPORTED,
)
_TOO_HEAVY: Final = Finding(
    severity=Severity.REFUSAL,
    article=ARTICLE,
    sentence=N_("Dans une SCIC, aucun collège ne porte plus de la moitié des voix."),
    certainty=Certainty.REPORTED,
)
_TOO_LIGHT: Final = Finding(
    severity=Severity.WARNING,
    article=ARTICLE,
    sentence=N_(
        "Dans une SCIC, un collège ne devrait pas porter moins de 10 % des voix. "
        "Des statuts publiés ont pourtant des collèges à 5 %."
    ),
    certainty=Certainty.TO_CONFIRM,
)


def college_findings(profile: str, value: Any) -> Sequence[Finding]:
    """What the law says about the weights of a SCIC's colleges; voting without colleges is always allowed."""
    if profile != "scic" or not value:
        return ()
    shares = shares_of(value).values()
    found = []
    if len(shares) < SCIC_COLLEGES:
        found.append(_TOO_FEW)
    if max(shares) > Fraction(1, 2):
        found.append(_TOO_HEAVY)
    if min(shares) < Fraction(1, 10):
        found.append(_TOO_LIGHT)
    return found


COLLEGE_WEIGHTS: Final = WeightsRule(
    name="governance.college_weights",
    unit=Unit.WEIGHTS,
    default=[],
    minimum=1,
    maximum=LARGEST_WEIGHT,
    title=N_("Poids des collèges"),
    explanation=N_(
        "Quand la coopérative vote par collèges, chacun porte une part des voix, quel que soit le nombre de ses membres : {value}."
    ),
    legal=college_findings,
)

declare(COLLEGE_WEIGHTS)
