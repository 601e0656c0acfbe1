"""What the audit trail says in words: each action, and the facts that stand beside it.

Each floor declares its own at import. This file must never read the database.
"""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from tenants.actors import Role
from tenants.import_kinds import IMPORT_KINDS
from tenants.platform.words import N_, _, duration, say_fact
from tenants.roles import ROLE_TITLES
from tenants.rules import RULES

ACTION_WORDS: Final[dict[str, str]] = {}
# Minutes are said as a duration; a fact that is not here is said by its name.
FACT_WORDS: Final = {
    "minutes": N_("durée"),
    "before_minutes": N_("avant"),
    "after_minutes": N_("après"),
    "spent_minutes": N_("passé"),
    "posted_minutes": N_("versé"),
    "held_minutes": N_("réservé"),
    "granted_minutes": N_("accordé"),
    "amount_minutes": N_("montant"),
    "count": N_("nombre"),
    "name": N_("nom"),
    "shares": N_("parts"),
    "role": N_("mandat"),
    "kind": N_("contenu"),
    "version": N_("version"),
    "rules": N_("règles"),
    "held": N_("heures retenues"),
    "held_on": N_("tenue le"),
    "new": N_("nouvelles lignes"),
    "present": N_("déjà là"),
    "sha256": N_("empreinte"),
}
SHOWN_OF_DIGEST: Final = 12
_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}")


def declare_actions(words: Mapping[str, str]) -> None:
    """Make the words of actions known, at import."""
    ACTION_WORDS.update(words)


def said_action(action: str) -> str:
    """What was done, in the reader's language; the action's own name if no floor has words for it."""
    return _(ACTION_WORDS[action]) if action in ACTION_WORDS else action


def said_facts(facts: Mapping[str, Any]) -> str:
    """The facts on one line for a person, without ids, which the CSV keeps."""
    told = [(name, value) for name, value in sorted(facts.items()) if not _ID.search(str(value))]
    return ", ".join(
        _("{label} : {value}", label=_(FACT_WORDS.get(name, name)), value=_value(name, value))
        for name, value in told
    )


def _value(name: str, value: Any) -> str:
    said: object = value
    match value:
        case bool():
            said = _("oui") if value else _("non")
        case int() if name.endswith("minutes"):
            said = duration(value)
        case list():
            said = " + ".join(_value(name, one) for one in value)
        case str() if value in RULES:
            said = _(RULES[value].title)
        case str() if name == "role" and value in set(Role):
            said = _(ROLE_TITLES[Role(value)])
        case str() if name == "kind" and value in IMPORT_KINDS:
            said = _(IMPORT_KINDS[value].title)
        case str() if name.endswith("_on"):
            said = say_fact(name, date.fromisoformat(value))
        case str() if name == "sha256":
            said = f"{value[:SHOWN_OF_DIGEST]}…"
    return str(said)


declare_actions(
    {
        "tenants:assembly:corrected": N_("Compte rendu d'assemblée corrigé"),
        "tenants:assembly:put_in_force": N_("Décisions d'une assemblée mises en vigueur"),
        "tenants:assembly:recorded": N_("Assemblée enregistrée"),
        "tenants:assembly:signed": N_("Compte rendu d'assemblée signé"),
        "tenants:assembly:withdrawn": N_("Compte rendu d'assemblée retiré"),
        "tenants:cooperative:founded": N_("Coopérative fondée"),
        "tenants:cooperative:settings_changed": N_("Paramètres changés"),
        "tenants:delegation:approved": N_("Délégation approuvée"),
        "tenants:delegation:ended": N_("Délégation terminée"),
        "tenants:delegation:proposed": N_("Délégation proposée"),
        "tenants:erasure:asked": N_("Effacement de données demandé"),
        "tenants:erasure:withdrawn": N_("Demande d'effacement retirée"),
        "tenants:import:commanded": N_("Import lancé en ligne de commande"),
        "tenants:import:discarded": N_("Import écarté"),
        "tenants:import:done": N_("Import terminé"),
        "tenants:import:prepared": N_("Fichier d'import vérifié"),
        "tenants:import:released": N_("Import confirmé"),
        "tenants:invitation:sent": N_("Invitation envoyée"),
        "tenants:invitation:sent_again": N_("Invitation renvoyée"),
        "tenants:invitation:sent_to_imported": N_("Membres importés invités"),
        "tenants:invitation:withdrawn": N_("Invitation retirée"),
        "tenants:join_request:approved": N_("Demande d'adhésion acceptée"),
        "tenants:join_request:declined": N_("Demande d'adhésion déclinée"),
        "tenants:letter:sent": N_("Lettre postée"),
        "tenants:letters:written": N_("Lettres écrites"),
        "tenants:manager:appointed": N_("Gestion nommée par l'exploitant"),
        "tenants:mandate:ended": N_("Mandat terminé"),
        "tenants:mandate:given": N_("Mandat donné"),
        "tenants:membership:address_corrected": N_("Adresse d'un membre corrigée"),
        "tenants:membership:admitted_offline": N_("Membre sans ordinateur inscrit"),
        "tenants:membership:claimed": N_("Adhésion reprise par son titulaire"),
        "tenants:membership:erased": N_("Données d'un membre effacées"),
        "tenants:membership:joined": N_("Adhésion"),
        "tenants:membership:left": N_("Départ d'un membre"),
        "tenants:membership:reinstated": N_("Membre rétabli"),
        "tenants:membership:suspended": N_("Membre suspendu"),
        "tenants:rulebook:founding_act": N_("Règles de la fondation inscrites"),
        "tenants:rulebook:rules_completed": N_("Règles nouvelles complétées"),
        "tenants:token:created": N_("Jeton d'API créé"),
        "tenants:token:revoked": N_("Jeton d'API révoqué"),
    }
)
