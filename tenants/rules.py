"""What a rule is: a typed parameter with its bounds and its plain words, declared on the floor that obeys it.

Each floor's ``rules.py`` declares its own at import. This file must never hold the value that a cooperative chose:
that is in ``tenants.rulebook``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from tenants.legal_profiles import Finding, LegalCheck, Severity, nothing_to_say
from tenants.platform.entries import fold, read_minutes
from tenants.platform.errors import NotFound, Refusal
from tenants.platform.words import FLOORS, N_, _, duration, listing, ngettext, number, percent


class Unit(StrEnum):
    """What the number of a rule counts."""

    MINUTES = "minutes"
    DAYS = "days"
    PERCENT = "percent"
    COUNT = "count"
    CHOICE = "choice"
    WEIGHTS = "weights"


class RuleOutOfBounds(Refusal):
    """The value is outside of what the software allows for this rule."""

    status = 422
    code = "rule_out_of_bounds"
    message = N_("Cette valeur doit être comprise entre {minimum} et {maximum}.")
    default_field = "value"


class RuleNotAmongChoices(Refusal):
    """The value is none of those that this rule offers."""

    status = 422
    code = "rule_not_among_choices"
    message = N_("Cette règle attend l'un de ces choix, en toutes lettres : {choices}.")
    default_field = "value"


class RuleAgainstTheLaw(Refusal):
    """The legal form of the cooperative does not allow this value."""

    status = 422
    code = "rule_against_the_law"
    message = N_("La loi ne le permet pas à votre coopérative ({article}). {reason}")
    default_field = "value"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One parameter. Bounds are included; ``title`` and ``explanation`` are French, marked by ``N_``.

    The explanation may hold ``{value}``, which becomes the value in words. Values are JSON: a rule with a
    structured value overrides ``check`` and ``say``. The value of a choice is its place among ``options``
    (French, marked by ``N_``), to which new ones are only ever appended; its bounds follow from them.
    """

    name: str
    unit: Unit
    default: Any
    minimum: int = 0
    maximum: int = 0
    title: str
    explanation: str
    options: tuple[str, ...] = ()
    legal: LegalCheck = nothing_to_say

    def __post_init__(self) -> None:
        """Derive the bounds of a choice."""
        assert (self.unit is Unit.CHOICE) == bool(self.options), f"{self.name}: a choice has options"
        if self.options:
            object.__setattr__(self, "maximum", len(self.options) - 1)

    def check(self, value: object, *, field: str | None = None) -> Any:
        """Return the value to store. Raises RuleOutOfBounds or RuleNotAmongChoices."""
        if type(value) is int and self.minimum <= value <= self.maximum:
            return value
        if self.options:
            raise RuleNotAmongChoices(field, choices=listing([_(option) for option in self.options]))
        raise RuleOutOfBounds(field, minimum=self.say(self.minimum), maximum=self.say(self.maximum))

    def check_law(self, value: object, profile: str, *, field: str | None = None) -> Sequence[Finding]:
        """Return the warnings for this legal profile. Raises RuleAgainstTheLaw."""
        findings = self.legal(profile, value)
        for finding in findings:
            if finding.severity is Severity.REFUSAL:
                raise RuleAgainstTheLaw(field, article=finding.article, reason=_(finding.sentence))
        return findings

    def read(self, typed: str, *, field: str | None = None) -> Any:
        """The value that somebody typed ("40 h", "14", "oui"), checked. Raises as ``check``."""
        if self.unit is Unit.MINUTES:
            return self.check(read_minutes(typed), field=field)
        if self.unit is Unit.CHOICE:
            words = [fold(_(option)) for option in self.options]
            wanted = fold(typed)
            return self.check(words.index(wanted) if wanted in words else None, field=field)
        return self.check(int(typed) if typed.strip().isdecimal() else None, field=field)

    def say(self, value: Any) -> str:
        """The value in words: "40 h", "14 jours", "5 %", "oui"."""
        match self.unit:
            case Unit.MINUTES:
                return duration(value)
            case Unit.DAYS:
                return ngettext("{n} jour", "{n} jours", value)
            case Unit.PERCENT:
                return percent(value)
            case Unit.COUNT:
                return number(value)
            case Unit.CHOICE:
                return _(self.options[value])
            case Unit.WEIGHTS:
                raise TypeError(f"{self.name}: a rule with weights says them itself")

    def explain(self, value: Any) -> str:
        """What the rule means with this value, in the reader's language."""
        return _(self.explanation, value=self.say(value))


RULES: Final[dict[str, Rule]] = {}


def declare(*rules: Rule) -> None:
    """Make rules known. Called once by each floor's ``rules.py``, at import."""
    for rule in rules:
        assert rule.name.partition(".")[0] in FLOORS, f"{rule.name} does not begin with its floor"
        known = RULES.setdefault(rule.name, rule)
        assert known == rule, f"the rule {rule.name} is declared twice"


def rule_named(name: str) -> Rule:
    """The declaration. Raises NotFound: a name comes from an address or from a form."""
    try:
        return RULES[name]
    except KeyError:
        raise NotFound(name=name) from None
