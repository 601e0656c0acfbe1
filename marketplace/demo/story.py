"""What a demo cooperative is told with: its people, its skills, its missions, its small thanks.

Texts only, all invented. This file must never hold a real person, nor touch the database.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from marketplace.mission_terms import MissionKind, MissionPlace
from marketplace.ownership import Ownership
from tenants.actors import Role
from tenants.cooperatives import LegalProfile
from tenants.platform.accents import Accent

# How much each college of a cooperative that has some weighs in a vote by colleges.
COLLEGES = [
    {"name": "Indépendants", "weight": 40},
    {"name": "Habitants", "weight": 35},
    {"name": "Soutiens", "weight": 25},
]


def set_type(text: str) -> str:
    """Set a text as somebody with a good keyboard would: curled apostrophes, no line that begins with a mark."""
    text = text.replace("'", "\N{RIGHT SINGLE QUOTATION MARK}")
    text = re.sub(r" (?=[;!?])", "\N{NARROW NO-BREAK SPACE}", text)
    return re.sub(r" (?=[:»])", "\N{NO-BREAK SPACE}", text).replace("« ", "«\N{NO-BREAK SPACE}")


def address_of(slug: str, name: str) -> str:
    """An e-mail address that nobody can have: example domains are reserved."""
    plain = name.lower().translate(str.maketrans("àâäéèêëîïôöùûüÿç'’ ", "aaaeeeeiioouuuyc---"))
    return f"{plain.replace(' ', '.')}@{slug}.example".replace("--", "-")


class Told(NamedTuple):
    """A mission as somebody wrote it, and what came of it."""

    title: str
    description: str
    minutes: int
    skills: tuple[str, ...] = ()
    place: MissionPlace = MissionPlace.EITHER
    kind: MissionKind = MissionKind.REQUEST
    ownership: Ownership = Ownership.PAYER
    bid: str = "Je peux m'en charger, j'ai déjà fait ce genre de choses. Dites-moi quand commencer."
    note: str = "C'est fait. Dites-moi s'il reste quelque chose à reprendre."
    public: bool = False


class Somebody(NamedTuple):
    """A member: their name, what they say of themselves, and their mandates."""

    name: str
    presentation: str = ""
    roles: tuple[Role, ...] = ()
    part: str = ""
    """What the launcher prints for those whom a visitor may be; empty for everybody else."""


class Story(NamedTuple):
    """One cooperative."""

    slug: str
    name: str
    legal_profile: LegalProfile
    territory: str
    accent: Accent
    presentation: str
    people: tuple[Somebody, ...]
    """The first is the founder."""
    skills: tuple[str, ...]
    past: tuple[Told, ...]
    present: dict[str, Told]
    """By where they stand: see ``chapters``."""
    exchanges: tuple[tuple[str, int], ...]
    gifts: tuple[tuple[str, int], ...]
    rules: Mapping[str, Any] | None = None
    """What its founding act says otherwise than the usual."""
    open: tuple[Told, ...] = ()
    """Further missions that nobody has answered yet."""
    search: tuple[str, str] = ("", "")
    """The search that the first freelancer keeps: its name, its words."""
