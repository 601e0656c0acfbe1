"""What the software refuses, said so that a person knows why and what to do.

A refusal is expected: it has a status, a stable code and a sentence in the reader's language.
Programmer errors are asserts, never refusals. This file must never know a domain noun.
"""

from collections.abc import Mapping
from typing import ClassVar

from tenants.platform.words import N_, _


class Refusal(Exception):
    """An expected "no". Subclasses give ``status``, ``code`` and ``message`` (with {placeholders}).

    ``field`` names the input that caused it. Facts fill the placeholders and travel in the API's
    answer; those named ``*_minutes`` or ``*_cents``, and dates, are spoken in the reader's locale.
    """

    status: ClassVar[int] = 409
    code: ClassVar[str] = "refused"
    message: ClassVar[str] = N_("Cette action n'est pas possible.")
    default_field: ClassVar[str | None] = None

    def __init__(self, field: str | None = None, **facts: object) -> None:
        super().__init__(self.code)
        self.field = field or self.default_field
        self.facts = facts

    def detail(self) -> str:
        """The sentence, in the reader's language."""
        return _(self.message, **self.facts)

    def field_errors(self) -> Mapping[str, str]:
        """The sentence by field, for a form."""
        return {self.field: self.detail()} if self.field else {}


class Invalid(Refusal):
    """The input cannot be read: one sentence per field (already in the reader's language)."""

    status = 422
    code = "invalid"
    message = N_("Certaines réponses sont à revoir.")

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(next(iter(errors), None))
        self.errors = dict(errors)

    def field_errors(self) -> Mapping[str, str]:
        """Every sentence by field."""
        return self.errors


class Unreadable(Refusal):
    """The request itself is malformed: its body is no JSON, its cursor was not made here."""

    status = 400
    code = "unreadable"
    message = N_("Cette demande est illisible.")


class NotFound(Refusal):
    """There is no such thing, or the reader may not know that there is."""

    status = 404
    code = "not_found"
    message = N_("Cette page n'existe pas, ou vous n'y avez pas accès.")


class NotSignedIn(Refusal):
    """The request carries no sign-in that is still good."""

    status = 401
    code = "not_signed_in"
    message = N_("Connectez-vous pour continuer.")


class NotAllowed(Refusal):
    """The reader is known, and may not do this."""

    status = 403
    code = "not_allowed"
    message = N_("Vous n'avez pas le droit de faire cela.")


class NotAMember(NotAllowed):
    """Signed in, but not a member of this cooperative."""

    code = "not_a_member"
    message = N_("Vous n'êtes pas membre de cette coopérative.")


class ScopeMissing(NotAllowed):
    """The API token was not given the scope that this needs."""

    code = "scope_missing"
    message = N_("Ce jeton n'a pas la portée « {scope} ».")


class CrossSite(NotAllowed):
    """A signed-in form arrived from another site (or from a client that hides where it is)."""

    code = "cross_site"
    message = N_(
        "Cet envoi ne vient pas d'une page d'Archipel ; rien n'a été fait. Rouvrez la page et recommencez."
    )


class TooManyAttempts(Refusal):
    """A limit of attempts is reached; ``retry_after_seconds`` says when to come back."""

    status = 429
    code = "too_many_attempts"
    message = N_("Trop d'essais. Réessayez dans {retry_after_seconds} secondes.")


class TooLarge(Refusal):
    """The body of the request is larger than anything that is expected here."""

    status = 413
    code = "too_large"
    message = N_("Cet envoi est trop volumineux (au plus {limit_kilobytes} Ko).")


class Unavailable(Refusal):
    """A server that we need is away for a moment. Nothing was done."""

    status = 503
    code = "unavailable"
    message = N_("Le service est momentanément indisponible. Rien n'a été perdu : réessayez dans un instant.")
