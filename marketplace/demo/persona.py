"""A person of the demo whom a visitor may be: what the launcher prints.

This file must never hold a real person's data.
"""

import msgspec


class Persona(msgspec.Struct, frozen=True):
    """``part`` is what they are there ("trésorière"), ``path`` the page they begin on (``/brocelab``)."""

    name: str
    part: str
    cooperative: str
    email: str
    password: str
    path: str
