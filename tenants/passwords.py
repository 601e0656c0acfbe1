"""Passwords: how they are hashed, checked and judged.

Argon2id in a thread, and few at once: each takes 64 MiB for a twentieth of a second. Checking takes as long for
an address that nobody has. This file must never log, store or return a password, nor touch the database.
"""

from functools import cache
from typing import Final

from anyio import CapacityLimiter, to_thread
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from tenants.platform.errors import Refusal
from tenants.platform.words import N_

LENGTH_MIN: Final = 12
DISTINCT_MIN: Final = 5
AT_ONCE: Final = 4

_hasher: Final = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
_turns: Final = CapacityLimiter(AT_ONCE)


class PasswordTooShort(Refusal):
    """Length is what makes a password hard to guess."""

    status = 422
    code = "password_too_short"
    message = N_("Choisissez au moins {length} caractères : une phrase se retient mieux qu'un mot compliqué.")
    default_field = "password"


class PasswordTooEasy(Refusal):
    """The password repeats itself, or is the e-mail address."""

    status = 422
    code = "password_too_easy"
    message = N_("Ce mot de passe se devine trop facilement : choisissez une phrase à vous.")
    default_field = "password"


async def hash_password(password: str, *, email: str, field: str = "password") -> str:
    """Judge a new password and return its hash. Raises PasswordTooShort or PasswordTooEasy on ``field``."""
    if len(password) < LENGTH_MIN:
        raise PasswordTooShort(field, length=LENGTH_MIN)
    plain = password.casefold()
    if len(set(plain)) < DISTINCT_MIN or plain in (email, email.partition("@")[0]):
        raise PasswordTooEasy(field)
    return await to_thread.run_sync(_hasher.hash, password, limiter=_turns)


async def is_password(password: str, stored_hash: str | None) -> bool:
    """Whether this is the password; with no stored hash, False after as long a work."""
    matches = await to_thread.run_sync(
        _verify, password, stored_hash or await _nobodys_hash(), limiter=_turns
    )
    return matches and stored_hash is not None


async def renewed_hash(password: str, stored_hash: str) -> str | None:
    """A new hash of a password that was just checked, when the old one was made with weaker parameters."""
    if not _hasher.check_needs_rehash(stored_hash):
        return None
    return await to_thread.run_sync(_hasher.hash, password, limiter=_turns)


def _verify(password: str, stored_hash: str) -> bool:
    try:
        return _hasher.verify(stored_hash, password)
    except (VerificationError, InvalidHashError):
        return False


async def _nobodys_hash() -> str:
    return await to_thread.run_sync(_make_nobodys_hash, limiter=_turns)


@cache
def _make_nobodys_hash() -> str:
    """What a password is checked against when there is nothing to check it against; made once."""
    return _hasher.hash("nobody has this password")
