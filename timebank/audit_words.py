"""The words of this floor's actions in the audit trail. This file must never hold anything else."""

from tenants.audit_words import declare_actions
from tenants.platform.words import N_

declare_actions(
    {
        "timebank:account:closed": N_("Compte d'heures fermé"),
        "timebank:contest:decided": N_("Contestation tranchée"),
        "timebank:entry:by_delegate": N_("Échange saisi par un délégué"),
        "timebank:entry:by_paper": N_("Échange saisi d'après un papier"),
        "timebank:entry:contested": N_("Saisie contestée"),
        "timebank:pot:granted": N_("Heures de la caisse accordées"),
        "timebank:pot_request:granted": N_("Demande à la caisse acceptée"),
        "timebank:pot_request:refused": N_("Demande à la caisse déclinée"),
        "timebank:transfer:reversed": N_("Mouvement d'heures annulé"),
        "timebank:write_off:asked": N_("Effacement d'une dette demandé"),
        "timebank:write_off:granted": N_("Effacement d'une dette accordé"),
        "timebank:write_off:refused": N_("Effacement d'une dette refusé"),
    }
)
