"""What delegations and letters know about people: see ``tenants.personal``. This file must never read a row."""

from typing import Final

from tenants.personal import Fate, Holding, holds
from tenants.platform.words import N_

AGREED: Final = N_(
    "Une délégation et ce qui fut saisi par elle engagent deux personnes : l'écrit reste, sous le pseudonyme."
)

holds(
    Holding(
        table="delegations",
        title=N_("Délégations qui me concernent"),
        mine=("represented_id", "delegate_id"),
        exported={
            "represented_id": N_("Pour"),
            "delegate_id": N_("Par"),
            "acts": N_("Peut"),
            "term": N_("Durée"),
            "entry_minutes_max": N_("Minutes par saisie"),
            "month_minutes_max": N_("Minutes par mois"),
            "first_approver": N_("Premier accord"),
            "second_approver": N_("Second accord"),
            "ended_at": N_("Terminée le"),
        },
        fate=Fate.KEPT,
        stays=("ended_reason", "acts"),
        why=AGREED,
    ),
    Holding(
        table="tellings",
        title=N_("Ce qu'une lettre m'a dit"),
        mine=("membership_id",),
        exported={"created_at": N_("Date"), "kind": N_("Genre"), "facts": N_("Faits")},
        fate=Fate.KEPT,
        stays=("kind", "facts"),
        why=AGREED,
    ),
    Holding(
        table="paper_letters",
        title=N_("Mes lettres"),
        mine=("membership_id",),
        exported={
            "written_at": N_("Écrite le"),
            "printed_at": N_("Imprimée le"),
            "sent_at": N_("Postée le"),
        },
        fate=Fate.KEPT,
        why=AGREED,
    ),
)
