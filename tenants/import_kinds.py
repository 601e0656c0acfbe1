"""Kinds of imports: what each reads from a file, what it would do, and who has to agree.

The floor that owns what is imported declares its kind. Looking (``look``) writes nothing, and carrying out
(``carry_out``) looks again under a lock, so that what is done is what is true at that moment. This file must never
read the database.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.actors import Role
from tenants.platform.ids import CooperativeId, MembershipId
from tenants.platform.sheets import Fault
from tenants.platform.words import N_, _

FAULTS_KEPT: Final = 200
SAMPLE_KEPT: Final = 20

Tell = Callable[[str, int, int], Awaitable[None]]
"""How far it is: the step (a key of ``STEPS``), what is done of it, and of how many."""

STEPS: Final = {
    "read": N_("Lecture du fichier"),
    "check": N_("Vérification des lignes"),
    "write": N_("Écriture"),
}
SOURCES: Final = {
    "archipel": N_("nos colonnes, avec leurs titres"),
    "timeoverflow": N_("TimeOverflow, sans titres"),
}


ACCOUNTS: Final = {":opening": N_("ouverture"), ":pot": N_("caisse solidaire")}
"""The accounts of a preview that are no member's."""


async def say_nothing(_step: str, _done: int, _of: int) -> None:
    """Tell nobody."""


class Remark(msgspec.Struct, frozen=True):
    """Something to know before saying yes; not a fault."""

    code: str
    facts: dict[str, Any] = {}

    @property
    def sentence(self) -> str:
        """The remark in the reader's language."""
        return _(REMARKS[self.code], **self.facts)


REMARKS: Final[dict[str, str]] = {}


def declare_remarks(words: Mapping[str, str]) -> None:
    """Make remarks known, at import."""
    for code, sentence in words.items():
        assert REMARKS.setdefault(code, sentence) == sentence, f"the remark {code} is declared twice"


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What an import would do. ``sample`` shows the first new rows, under the titles of the kind.

    ``fault_count`` counts all faults; ``faults`` keeps the first ones.
    """

    source: str
    encoding: str
    separator: str
    rows: int = 0
    new: int = 0
    present: int = 0
    fault_count: int = 0
    faults: list[Fault] = []
    remarks: list[Remark] = []
    sample: list[list[Any]] = []

    def without_content(self) -> "Preview":
        """The counts alone: what is kept once it is over."""
        return msgspec.structs.replace(self, faults=[], sample=[], remarks=[])

    def stored(self) -> Any:
        """As the table keeps it."""
        return json.loads(msgspec.json.encode(self))


@dataclass(frozen=True, slots=True)
class Grounds:
    """In whose name an import is carried out: its own id, and who released it (None: the operator)."""

    tenant_id: CooperativeId
    import_id: Any
    released_by: MembershipId | None


class Look(Protocol):
    """Read and judge a file without writing anything."""

    async def __call__(
        self, db: AsyncSession, *, tenant_id: CooperativeId, content: bytes, tell: Tell
    ) -> Preview:
        """Return what an import of ``content`` would do."""


class CarryOut(Protocol):
    """Write what is new in a file, if nothing in it is wrong."""

    async def __call__(self, db: AsyncSession, *, grounds: Grounds, content: bytes, tell: Tell) -> Preview:
        """Return what was done; with faults, nothing was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportKind:
    """One kind. With ``two_persons`` somebody else than who prepared it has to release it.

    ``sample_titles`` are the columns of a preview and what they hold: "day", "minutes", "account" (a name, or
    one of ``ACCOUNTS``), or text.
    """

    name: str
    title: str
    hint: str
    sample_titles: Sequence[tuple[str, str]]
    roles: Sequence[Role]
    two_persons: bool
    look: Look
    carry_out: CarryOut


IMPORT_KINDS: Final[dict[str, ImportKind]] = {}


def declare_import_kind(kind: ImportKind) -> None:
    """Make a kind known, at import of the module that owns it."""
    known = IMPORT_KINDS.setdefault(kind.name, kind)
    assert known.name == kind.name
    assert known.carry_out is kind.carry_out, f"the import {kind.name} is declared twice"
