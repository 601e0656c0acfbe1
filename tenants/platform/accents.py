"""The eight accent colours a cooperative may choose from, by name.

Their values live in ``static/archipel.css`` as classes ``accent-<name>``, each for light and dark, and a test
computes that every one passes WCAG AA on the grounds it is used on. A cooperative never types a colour of its own:
that is how all pages stay readable.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from tenants.platform.words import N_


class Accent(StrEnum):
    """The name of an accent, as stored with the cooperative and used in the class on ``<html>``."""

    OCEAN = "ocean"
    LAGOON = "lagoon"
    FOREST = "forest"
    OCHRE = "ochre"
    BRICK = "brick"
    ROSE = "rose"
    PLUM = "plum"
    SLATE = "slate"


ACCENT_TITLES: Final = {
    Accent.OCEAN: N_("Océan"),
    Accent.LAGOON: N_("Lagon"),
    Accent.FOREST: N_("Forêt"),
    Accent.OCHRE: N_("Ocre"),
    Accent.BRICK: N_("Brique"),
    Accent.ROSE: N_("Rose trémière"),
    Accent.PLUM: N_("Prune"),
    Accent.SLATE: N_("Ardoise"),
}
