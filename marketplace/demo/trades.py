"""What the members of the demo say they can do, so that missions find somebody and somebody finds missions.

Only what a member says of themselves through the verb. This file must never write a row itself.
"""

from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from marketplace.demo.road import Cast
from marketplace.member_skills import SkillLevel, set_member_skill

TRADES: Final[dict[str, dict[str, SkillLevel]]] = {
    "Maëlle Kervella": {"Graphisme": SkillLevel.TEACHING, "Photo et vidéo": SkillLevel.ABLE},
    "Badis Hamdi": {"Relecture et correction": SkillLevel.TEACHING, "Cours et formation": SkillLevel.ABLE},
    "Odile Marchand": {"Comptabilité et paperasse": SkillLevel.TEACHING},
    "Erwan Tanguy": {"Menuiserie": SkillLevel.TEACHING},
    "Nolwenn Cariou": {"Relecture et correction": SkillLevel.ABLE, "Cours et formation": SkillLevel.TEACHING},
    "Chloé Kerdoncuff": {"Sites web": SkillLevel.TEACHING, "Informatique du quotidien": SkillLevel.ABLE},
    "Ahmed Benali": {"Électricité et plomberie": SkillLevel.TEACHING},
    "Thomas Riou": {"Photo et vidéo": SkillLevel.TEACHING},
    "Anaïs Bihan": {"Traduction": SkillLevel.TEACHING, "Relecture et correction": SkillLevel.ABLE},
    "Loïc Abgrall": {"Électricité et plomberie": SkillLevel.ABLE},
    "Mickaël Rolland": {"Photo et vidéo": SkillLevel.ABLE},
    "Jeanne Postic": {"Informatique du quotidien": SkillLevel.TEACHING},
    "Karim Haddad": {"Cuisine": SkillLevel.TEACHING},
    "Laure Troadec": {"Relecture et correction": SkillLevel.ABLE},
    "Ewen Bescond": {"Menuiserie": SkillLevel.LEARNING, "Transport et coups de main": SkillLevel.ABLE},
    "Camille Roussel": {"Cartes et données": SkillLevel.TEACHING, "Image": SkillLevel.ABLE},
    "Sofia Marquez": {"Logiciels libres": SkillLevel.TEACHING},
    "Marion Eymard": {"Musique et contes": SkillLevel.ABLE, "Écriture": SkillLevel.TEACHING},
}


async def tell_trades(db: AsyncSession, cast: Cast) -> None:
    """Let each of them say it."""
    for name, actor in cast.actors.items():
        for skill, level in TRADES.get(name, {}).items():
            await set_member_skill(db, actor=actor, skill_id=cast.skills[skill], level=level)
