"""Members as people name them: a name that was typed into a form becomes the one member it means.

A choice of two thousand names is no choice. Where two bear one name, the last signs of their membership tell them
apart. This file must never be asked by a stranger.
"""

import re
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from tenants.actors import Actor
from tenants.memberships import DISPLAY_NAME_LENGTH, Membership, members
from tenants.platform.entries import fold
from tenants.platform.errors import Refusal
from tenants.platform.words import N_, listing

SHOWN: Final = 6
_SIGNED: Final = re.compile(r"^(?P<name>.*\S)\s*\((?P<sign>[0-9a-f]{4})\)$")


class NobodyOfThatName(Refusal):
    """No active member is called so."""

    status = 422
    code = "nobody_of_that_name"
    message = N_("Aucun membre ne porte ce nom. Écrivez-le comme dans l'annuaire, ou une partie seulement.")


class SeveralOfThatName(Refusal):
    """More than one active member is meant."""

    status = 422
    code = "several_of_that_name"
    message = N_("Plusieurs membres répondent à ce nom : {names}. Écrivez l'un de ces noms en entier.")


def signed(one: Membership) -> str:
    """A name with the signs that tell it from the same name."""
    return f"{one.display_name} ({one.id.hex[-4:]})"


async def member_named(db: AsyncSession, *, reader: Actor, typed: str, field: str) -> Membership:
    """The one active member whom ``typed`` means: a whole name, or a part that only one has.

    Raises NobodyOfThatName and SeveralOfThatName, about ``field``.
    """
    typed = typed.strip().replace("\x00", "")[: DISPLAY_NAME_LENGTH + 8]
    sign = _SIGNED.match(typed)
    name = sign["name"] if sign else typed
    found = await members(db, actor=reader, search=name[:DISPLAY_NAME_LENGTH], limit=200) if name else []
    if sign:
        found = [one for one in found if one.id.hex.endswith(sign["sign"])]
    exact = [one for one in found if fold(one.display_name) == fold(name)]
    candidates = exact or found
    if not candidates:
        raise NobodyOfThatName(field)
    if len(candidates) > 1:
        names = [signed(one) if exact else one.display_name for one in candidates[:SHOWN]]
        raise SeveralOfThatName(field, names=listing(names))
    return candidates[0]
