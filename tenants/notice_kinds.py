"""Kinds of notices: what each says, where it leads, what it is about, and how it reaches a member who chose nothing.

Each floor declares its own at import. This file must never read the database, nor know of a reader.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from tenants.facts import missing
from tenants.platform.words import N_, _


class Delivery(StrEnum):
    """How a kind of notice reaches a member. What is mailed is in the application too."""

    AT_ONCE = "at_once"
    DIGEST = "digest"
    APP = "app"
    NEVER = "never"


class Topic(StrEnum):
    """What a notice is about: the headings under which a member chooses."""

    MISSIONS = "missions"
    HOURS = "hours"
    POT = "pot"
    DECISIONS = "decisions"
    MEMBERSHIP = "membership"


DELIVERY_TITLES: Final = {
    Delivery.AT_ONCE: N_("Courriel, tout de suite"),
    Delivery.DIGEST: N_("Récapitulatif du matin"),
    Delivery.APP: N_("Sur le site seulement"),
    Delivery.NEVER: N_("Jamais"),
}
TOPIC_TITLES: Final = {
    Topic.MISSIONS: N_("Missions"),
    Topic.HOURS: N_("Heures et dons"),
    Topic.POT: N_("Caisse solidaire"),
    Topic.DECISIONS: N_("Règles, assemblées et mandats"),
    Topic.MEMBERSHIP: N_("Mon adhésion et la vie de la coopérative"),
}
# A kind that names no topic has that of the page it leads to.
_TOPIC_OF_PAGE: Final = {
    "missions": Topic.MISSIONS,
    "searches": Topic.MISSIONS,
    "hours": Topic.HOURS,
    "pot": Topic.POT,
    "assemblies": Topic.DECISIONS,
    "rules": Topic.DECISIONS,
    "mandates": Topic.DECISIONS,
    "treasury": Topic.DECISIONS,
}


@dataclass(frozen=True, slots=True)
class NoticeKind:
    """A kind of notice: its French sentence (marked by ``N_``) and the page it leads to.

    Both are filled with the facts. ``path`` begins after the cooperative (``/missions/{mission_id}``).
    Facts named ``*_minutes`` and ``*_cents`` are amounts, ``*_on`` days and ``*_at`` moments. ``mailed`` says how it
    comes to who chose nothing: at once by mail, or in the digest. ``waits`` marks what waits for an act of the
    reader, which the digest says first; ``required`` what nobody may turn off: security, and what one must sign or
    can contest.
    """

    name: str
    sentence: str
    path: str
    mailed: bool = True
    topic: Topic | None = None
    waits: bool = False
    required: bool = False

    @property
    def about(self) -> Topic:
        """The heading under which it is chosen."""
        return self.topic or _TOPIC_OF_PAGE.get(self.path.split("/")[1], Topic.MEMBERSHIP)

    @property
    def usual(self) -> Delivery:
        """How it reaches a member who chose nothing."""
        return Delivery.AT_ONCE if self.mailed or self.required else Delivery.DIGEST

    @property
    def example(self) -> str:
        """Its sentence with invented facts, in the reader's language, for the page on which one chooses."""
        return _(self.sentence, **{name: _invented(name) for name in missing({}, self.sentence)})

    def missing(self, facts: Mapping[str, Any]) -> set[str]:
        """The placeholders for which there is no fact."""
        return missing(facts, self.sentence, self.path)


def _invented(name: str) -> Any:
    noon = datetime.now(UTC).replace(hour=11, minute=0, second=0, microsecond=0) + timedelta(days=7)
    if name.endswith("_on"):
        return noon.date()
    if name.endswith("_at"):
        return noon
    return 150 if name.endswith("_minutes") else 3


KINDS: Final[dict[str, NoticeKind]] = {}


def declare_notices(*kinds: NoticeKind) -> None:
    """Make kinds of notices known, at import."""
    for kind in kinds:
        known = KINDS.setdefault(kind.name, kind)
        assert known == kind, f"the notice {kind.name} is declared twice"


declare_notices(
    NoticeKind(
        "assembly_to_sign",
        N_("Le compte rendu de l'assemblée du {held_on} attend une seconde signature : peut-être la vôtre."),
        "/assemblies/{assembly_id}",
        waits=True,
        required=True,
    ),
    NoticeKind(
        "assembly_corrected",
        N_("Le compte rendu de l'assemblée du {held_on} a été corrigé : il est à signer de nouveau."),
        "/assemblies/{assembly_id}",
        waits=True,
        required=True,
    ),
    NoticeKind(
        "rules_changed",
        N_("L'assemblée du {held_on} a changé les règles. Décisions inscrites au règlement : {count}."),
        "/assemblies/{assembly_id}",
    ),
)
