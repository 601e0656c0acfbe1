"""The words of this floor's actions in the audit trail. This file must never hold anything else."""

from tenants.audit_words import declare_actions
from tenants.platform.words import N_

declare_actions(
    {
        "marketplace:agreement:called_off": N_("Accord arrêté d'un commun accord"),
        "marketplace:agreement:lapsed": N_("Accord échu sans livraison"),
        "marketplace:amendment:accepted": N_("Changement d'accord accepté"),
        "marketplace:amendment:applied": N_("Accord changé"),
        "marketplace:amendment:dropped": N_("Changement d'accord sans objet"),
        "marketplace:amendment:expired": N_("Changement d'accord resté sans réponse"),
        "marketplace:amendment:proposed": N_("Changement d'accord proposé"),
        "marketplace:amendment:refused": N_("Changement d'accord refusé"),
        "marketplace:amendment:withdrawn": N_("Changement d'accord retiré"),
        "marketplace:bid:accepted": N_("Proposition acceptée"),
        "marketplace:bid:placed": N_("Proposition faite"),
        "marketplace:bid:withdrawn": N_("Proposition retirée"),
        "marketplace:cancellation:proposed": N_("Arrêt proposé"),
        "marketplace:cancellation:refused": N_("Arrêt refusé"),
        "marketplace:cooperative:exported": N_("Coopérative archivée"),
        "marketplace:cooperative:imported": N_("Coopérative reprise d'une archive"),
        "marketplace:delivery:disputed": N_("Livraison contestée"),
        "marketplace:dispute:decided": N_("Désaccord tranché"),
        "marketplace:mission:delivered": N_("Mission livrée"),
        "marketplace:mission:edited": N_("Mission modifiée"),
        "marketplace:mission:published": N_("Mission publiée"),
        "marketplace:mission:settled": N_("Mission réglée"),
        "marketplace:mission:started": N_("Mission commencée"),
        "marketplace:mission:withdrawn": N_("Mission retirée"),
        "marketplace:part:accepted": N_("Part d'équipe acceptée"),
        "marketplace:part:declined": N_("Part d'équipe déclinée"),
        "marketplace:part:left": N_("Équipe quittée"),
        "marketplace:report:hidden": N_("Texte signalé masqué"),
        "marketplace:report:left": N_("Texte signalé laissé"),
        "marketplace:review:answered": N_("Appréciation commentée"),
        "marketplace:skill:added": N_("Compétence ajoutée"),
        "marketplace:skill:retired": N_("Compétence retirée"),
        "marketplace:statement:added": N_("Point de vue donné à la médiation"),
    }
)
