"""What circles and colleges know about people: see ``tenants.personal``. This file must never read a row."""

from governance.circle_mandates import CIRCLE_ROLE_TITLES
from tenants.holdings import DONE
from tenants.personal import Fate, Holding, holds
from tenants.platform.words import N_

holds(
    Holding(
        table="circle_members",
        title=N_("Les cercles dont je suis membre"),
        mine=("membership_id",),
        exported={"joined_at": N_("À partir du"), "left_at": N_("Jusqu'au")},
        fate=Fate.KEPT,
        why=DONE,
    ),
    Holding(
        table="circle_mandates",
        title=N_("Mes mandats dans des cercles"),
        mine=("membership_id",),
        exported={
            "role": N_("Mandat"),
            "term": N_("Durée"),
            "given_at": N_("Donné le"),
            "given_by": N_("Donné par"),
            "ended_at": N_("Fini le"),
        },
        words={"role": CIRCLE_ROLE_TITLES},
        fate=Fate.KEPT,
        why=DONE,
    ),
    Holding(
        table="circle_mandates",
        title=N_("Mandats de cercle que j'ai donnés"),
        mine=("given_by",),
        exported={"membership_id": N_("À"), "role": N_("Mandat"), "given_at": N_("Donné le")},
        words={"role": CIRCLE_ROLE_TITLES},
        fate=Fate.KEPT,
        why=DONE,
    ),
    Holding(
        table="college_members",
        title=N_("Mes collèges"),
        mine=("membership_id",),
        exported={"joined_at": N_("À partir du"), "left_at": N_("Jusqu'au")},
        fate=Fate.KEPT,
        why=DONE,
    ),
)
