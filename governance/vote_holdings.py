"""What votes know about people: see ``tenants.personal``. This file must never read a row.

Rolls and ballots declare theirs beside their tables.
"""

from tenants.personal import Fate, Holding, holds
from tenants.platform.words import N_

holds(
    Holding(
        table="votes",
        title=N_("Les votes que j'ai ouverts"),
        mine=("opened_by",),
        exported={"opened_at": N_("Date"), "question": N_("Question"), "explanation": N_("Explication")},
        fate=Fate.KEPT,
        stays=("question", "explanation", "policy", "result", "published", "trace_hash"),
        why=N_(
            "Un vote garde sa question et qui l'a ouvert, sous le pseudonyme : c'est une décision de tous."
        ),
    ),
    Holding(
        table="vote_options",
        title=N_("Les options que j'ai retirées d'un vote"),
        mine=("withdrawn_by",),
        exported={"withdrawn_at": N_("Date"), "label": N_("Option")},
        fate=Fate.KEPT,
        stays=("label",),
        why=N_(
            "Une option retirée garde qui l'a retirée, sous le pseudonyme : chacun peut en demander compte."
        ),
    ),
)
