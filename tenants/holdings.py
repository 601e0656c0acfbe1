"""What the ground floor's tables know about people: see ``tenants.personal``. This file must never read a row."""

from typing import Final

from tenants.personal import By, Fate, Holding, holds
from tenants.platform.words import N_

DONE: Final = N_("Ce que vous avez fait pour la coopérative reste écrit, sous le pseudonyme.")
TRAIL: Final = N_("Le journal interne garde qui a fait quoi par des numéros seulement, jamais par un nom.")

holds(
    Holding(
        table="memberships",
        title=N_("Mon adhésion"),
        mine=("id",),
        exported={
            "display_name": N_("Nom"),
            "state": N_("État"),
            "contact_email": N_("Courriel"),
            "contact_phone": N_("Téléphone"),
            "territory": N_("Territoire"),
            "presentation": N_("Présentation"),
            "shares_contact": N_("Contacts montrés aux membres"),
            "created_at": N_("Écrit le"),
            "joined_at": N_("Membre depuis"),
            "ended_at": N_("Jusqu'au"),
        },
        fate=Fate.CHANGED,
        changes={
            "display_name": ":pseudonym",
            "contact_email": "''",
            "contact_phone": "NULL",
            "territory": "NULL",
            "presentation": "''",
            "shares_contact": "false",
            "person_id": "NULL",
        },
        stays=("sort_name",),
        why=N_(
            "Votre adhésion garde ses dates et un pseudonyme, pour que les comptes des autres restent justes."
        ),
    ),
    Holding(
        table="mandates",
        title=N_("Mes mandats"),
        mine=("membership_id",),
        exported={
            "role": N_("Mandat"),
            "term": N_("Durée"),
            "given_by": N_("Donné par"),
            "given_at": N_("Donné le"),
            "ended_at": N_("Fini le"),
            "ended_reason": N_("Raison"),
        },
        fate=Fate.KEPT,
        why=DONE,
    ),
    Holding(
        table="assemblies",
        title=N_("Comptes rendus que j'ai écrits"),
        mine=("recorded_by", "withdrawn_by"),
        exported={
            "held_on": N_("Date"),
            "place": N_("Lieu"),
            "state": N_("État"),
            "recorded_at": N_("Écrit le"),
        },
        fate=Fate.KEPT,
        stays=("place", "minutes"),
        why=N_("Les comptes rendus des assemblées restent tels qu'ils ont été signés."),
    ),
    Holding(
        table="assembly_signatures",
        title=N_("Comptes rendus que j'ai signés"),
        mine=("membership_id",),
        exported={"role": N_("Mandat"), "signed_at": N_("Signé le")},
        fate=Fate.KEPT,
        why=DONE,
    ),
    Holding(
        table="audit_entries",
        title=N_("Ce que j'ai fait (journal)"),
        mine=("actor_id",),
        exported={"at": N_("Date"), "action": N_("Action")},
        fate=Fate.KEPT,
        stays=("action", "facts"),
        why=TRAIL,
    ),
    Holding(
        table="notices",
        title=N_("Mes avis reçus"),
        mine=("membership_id",),
        exported={
            "created_at": N_("Date"),
            "kind": N_("Genre"),
            "facts": N_("Faits"),
            "read_at": N_("Lu le"),
            "mailed_at": N_("Envoyé le"),
        },
        fate=Fate.DELETED,
    ),
    Holding(
        table="invitations",
        title=N_("Mon invitation"),
        mine=("membership_id",),
        exported={
            "invited_by": N_("Par"),
            "message": N_("Message"),
            "created_at": N_("Date"),
            "consumed_at": N_("Acceptée le"),
        },
        fate=Fate.DELETED,
    ),
    Holding(
        table="invitations",
        title=N_("Les invitations que j'ai envoyées"),
        mine=("invited_by",),
        exported={
            "membership_id": N_("À"),
            "message": N_("Message"),
            "created_at": N_("Date"),
            "consumed_at": N_("Acceptée le"),
        },
        fate=Fate.CHANGED,
        changes={"message": "''"},
        why=DONE,
    ),
    Holding(
        table="api_tokens",
        title=N_("Mes jetons d'API"),
        mine=("membership_id",),
        exported={
            "name": N_("Nom"),
            "scopes": N_("Droits"),
            "created_at": N_("Date"),
            "last_used_at": N_("Dernier usage"),
            "expires_at": N_("Fin"),
            "revoked_at": N_("Révoqué le"),
        },
        fate=Fate.DELETED,
    ),
    Holding(
        table="register_salts",
        title=N_("Mes traces au registre"),
        mine=("membership_id",),
        fate=Fate.DELETED,
    ),
    Holding(
        table="idempotency_keys",
        title=N_("Réponses gardées trente jours"),
        mine=("person_id",),
        by=By.PERSON,
        fate=Fate.DELETED,
    ),
    Holding(
        table="people",
        title=N_("Mon compte"),
        mine=("person_id",),
        by=By.PERSON,
        exported={
            "email": N_("Courriel"),
            "locale": N_("Langue"),
            "created_at": N_("Date"),
            "password_changed_at": N_("Mot de passe changé le"),
        },
        fate=Fate.DELETED,
    ),
    Holding(
        table="sign_ins",
        title=N_("Où je suis connecté"),
        mine=("person_id",),
        by=By.PERSON,
        exported={
            "browser": N_("Appareil"),
            "address": N_("Réseau"),
            "method": N_("Moyen"),
            "created_at": N_("Date"),
            "last_used_at": N_("Dernier usage"),
            "revoked_at": N_("Révoqué le"),
        },
        fate=Fate.DELETED,
    ),
    Holding(
        table="mail_links",
        title=N_("Liens reçus par courriel"),
        mine=("person_id",),
        by=By.PERSON,
        exported={"created_at": N_("Date"), "purpose": N_("Genre"), "consumed_at": N_("Ouvert le")},
        fate=Fate.DELETED,
    ),
)
