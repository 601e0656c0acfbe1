"""The words of circles and colleges in the audit trail. This file must never hold anything else."""

from tenants.audit_words import declare_actions
from tenants.platform.words import N_

declare_actions(
    {
        "governance:circle:changed": N_("Cercle décrit autrement"),
        "governance:circle:closed": N_("Cercle fermé"),
        "governance:circle:opened": N_("Cercle créé"),
        "governance:circle_mandate:ended": N_("Mandat de cercle terminé"),
        "governance:circle_mandate:given": N_("Mandat de cercle donné"),
        "governance:circle_member:added": N_("Membre entré dans un cercle"),
        "governance:circle_member:left": N_("Membre sorti d'un cercle"),
        "governance:college_member:left": N_("Membre sorti d'un collège"),
        "governance:college_member:placed": N_("Membre placé dans un collège"),
        "governance:perimeter:changed": N_("Périmètre d'un cercle changé"),
    }
)
