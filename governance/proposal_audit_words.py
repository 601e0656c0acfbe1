"""The words of the actions around proposals in the audit trail. This file must never hold anything else."""

from tenants.audit_words import declare_actions
from tenants.platform.words import N_

declare_actions(
    {
        "governance:objection:raised": N_("Objection soulevée"),
        "governance:objection:set_aside": N_("Objection écartée"),
        "governance:objection:withdrawn": N_("Objection retirée"),
        "governance:proposal:adopted": N_("Proposition adoptée"),
        "governance:proposal:advanced": N_("Proposition passée à l'étape suivante"),
        "governance:proposal:amended": N_("Nouvelle version d'une proposition"),
        "governance:proposal:escalated": N_("Proposition sans consentement dans son temps"),
        "governance:proposal:opened": N_("Proposition ouverte à la discussion"),
        "governance:proposal:referred": N_("Proposition portée au cercle parent"),
        "governance:proposal:rejected": N_("Proposition rejetée"),
        "governance:proposal:withdrawn": N_("Proposition abandonnée par son auteur"),
        "governance:rule:reopened": N_("Règle rouverte par ses contestations"),
        "governance:proposal:written": N_("Proposition écrite"),
    }
)
