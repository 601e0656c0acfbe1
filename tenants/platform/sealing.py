"""Seals: how a secret that we must be able to read again is kept in the database.

AES-256-GCM under a key derived (HKDF-SHA256) from SECRET_KEY for one purpose. What is sealed names its owner: moved into
another's row it no longer opens. This file must never log, nor open for anybody but who sealed it.
"""

import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12


class Seal:
    """Seals and opens the secrets of one purpose."""

    def __init__(self, secret_key: bytes, *, purpose: str) -> None:
        assert secret_key, "this process was not given SECRET_KEY"
        derived = HKDF(SHA256(), KEY_BYTES, salt=None, info=f"archipel {purpose}".encode())
        self._cipher = AESGCM(derived.derive(secret_key))

    def close(self, secret: bytes, *, owner: bytes) -> bytes:
        """Seal ``secret`` for ``owner``; the same secret never looks the same twice."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret, owner)

    def open(self, sealed: bytes, *, owner: bytes) -> bytes | None:
        """What was sealed for ``owner``; None if it was altered, moved, or sealed under another SECRET_KEY."""
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], owner)
        except InvalidTag:
            return None
