"""What proposals know about people: see ``tenants.personal``. This file must never read a row."""

from typing import Final

from governance.objections import OBJECTION_TITLES
from governance.proposal_states import KIND_TITLES, STATE_TITLES
from tenants.personal import Fate, Holding, holds
from tenants.platform.words import N_

RECORD: Final = N_(
    "Ce qui a été décidé garde son texte et son histoire, sous le pseudonyme : les autres s'y sont engagés."
)

holds(
    Holding(
        table="proposals",
        title=N_("Mes propositions"),
        mine=("author_id",),
        exported={"created_at": N_("Date"), "kind": N_("Objet"), "state": N_("État")},
        words={"kind": KIND_TITLES, "state": STATE_TITLES},
        fate=Fate.KEPT,
        stays=("rule", "role", "effect_refused"),
        why=RECORD,
    ),
    Holding(
        table="proposals",
        title=N_("Propositions de mandat à mon nom"),
        mine=("membership_id",),
        exported={"created_at": N_("Date"), "role": N_("Mandat"), "state": N_("État")},
        words={"state": STATE_TITLES},
        fate=Fate.KEPT,
        stays=("rule", "role", "effect_refused"),
        why=RECORD,
    ),
    Holding(
        table="proposal_versions",
        title=N_("Les textes de mes propositions"),
        mine=("written_by",),
        exported={
            "written_at": N_("Date"),
            "number": N_("Version"),
            "title": N_("Titre"),
            "reasons": N_("Texte"),
        },
        fate=Fate.KEPT,
        stays=("title", "reasons", "value"),
        why=RECORD,
    ),
    Holding(
        table="objections",
        title=N_("Mes objections"),
        mine=("author_id",),
        exported={
            "raised_at": N_("Date"),
            "harm": N_("Ce que la proposition abîmerait"),
            "role_harmed": N_("Rôle ou tâche atteints"),
            "reasons": N_("Raisons"),
            "state": N_("État"),
        },
        words={"state": OBJECTION_TITLES},
        fate=Fate.CHANGED,
        changes={"harm": "'…'", "role_harmed": "'…'", "reasons": "'…'"},
        stays=("ended_reason",),
        why=N_("Qu'il y a eu une objection, et comment elle a fini, reste ; ses mots s'effacent."),
    ),
    Holding(
        table="objections",
        title=N_("Objections auxquelles j'ai mis fin"),
        mine=("ended_by",),
        exported={"ended_at": N_("Date"), "ended_reason": N_("Raison"), "state": N_("État")},
        words={"state": OBJECTION_TITLES},
        fate=Fate.KEPT,
        stays=("harm", "role_harmed", "reasons", "ended_reason"),
        why=RECORD,
    ),
    Holding(
        table="proposal_comments",
        title=N_("Ce que j'ai écrit dans les discussions"),
        mine=("author_id",),
        exported={"written_at": N_("Date"), "words": N_("Texte")},
        fate=Fate.CHANGED,
        changes={"words": "''"},
    ),
    Holding(
        table="rule_contests",
        title=N_("Règles que je conteste"),
        mine=("membership_id",),
        exported={"contested_at": N_("Date"), "reason": N_("Raison")},
        fate=Fate.DELETED,
    ),
    Holding(
        table="proposal_supports",
        title=N_("Propositions que je soutiens"),
        mine=("membership_id",),
        exported={"supported_at": N_("Date")},
        fate=Fate.DELETED,
    ),
    Holding(
        table="proposal_answers",
        title=N_("Versions que j'ai dit avoir lues"),
        mine=("membership_id",),
        exported={
            "seen_at": N_("Date"),
            "version": N_("Version"),
            "consents": N_("Sans objection"),
        },
        fate=Fate.KEPT,
        why=N_("Le compte d'une ronde doit pouvoir être refait, sous le pseudonyme."),
    ),
)
