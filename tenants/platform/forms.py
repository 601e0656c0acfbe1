"""HTML forms: what was typed, what is wrong with it, and where to go when it worked.

A form keeps what was typed whatever happens, and says each mistake beside its field. This file must
never decide what is allowed: that is the verb's.
"""

import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final, Generic, TypeVar
from urllib.parse import parse_qsl

import msgspec
from litestar import Request
from litestar.enums import RequestEncodingType

from tenants.platform.errors import Invalid, Refusal, Unreadable
from tenants.platform.inputs import decode_fields
from tenants.platform.words import N_

StructT = TypeVar("StructT", bound=msgspec.Struct)

ONCE: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""The keys we make; anything else that is sent in their place counts as none."""
FIELDS_MAX: Final = 1_000


class Done(msgspec.Struct, frozen=True):
    """The form did its work: go to ``path``, where ``notice`` is shown once."""

    path: str
    notice: str = ""


class SentBefore(Refusal):
    """The form was sent already, with other answers, and that first sending was done."""

    code = "sent_before"
    message = N_(
        "Vous avez déjà envoyé ce formulaire, avec d'autres réponses, et ce premier envoi a été traité. "
        "Voulez-vous aussi envoyer celui-ci ? Alors validez de nouveau : rien de ce que vous avez écrit n'est perdu."
    )


class Nothing(msgspec.Struct, frozen=True):
    """The fields of a form that is one button."""


class Form(Generic[StructT]):
    """One form on one page.

    ``values`` holds the raw text by field name and ``lists`` the fields that may repeat; ``errors`` a
    sentence by field name, the empty name for the form as a whole. ``once`` makes a double click harmless.
    """

    def __init__(
        self,
        kind: type[StructT],
        values: Mapping[str, str] | None = None,
        lists: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.kind = kind
        names = [field.encode_name for field in msgspec.structs.fields(kind)]
        self.values: dict[str, str] = dict.fromkeys(names, "") | dict(values or {})
        self.lists: dict[str, Sequence[str]] = dict.fromkeys(names, ()) | dict(lists or {})
        self.errors: dict[str, str] = {}
        # The macros note each field's label and id here, so that the summary of errors can name the field.
        self.labels: dict[str, str] = {}
        self.anchors: dict[str, str] = {}
        self.summed_up = False
        self.once = secrets.token_urlsafe(16)
        self.sent_once = ""
        # Where the first sending led, when the same form comes a second time with other answers.
        self.already = ""
        self.refusal: Refusal | None = None
        self._struct: StructT | None = None

    @classmethod
    async def received(cls, request: Request[Any, Any, Any], kind: type[StructT]) -> "Form[StructT]":
        """Read a sent form; whatever cannot be decoded is in ``errors``."""
        values: dict[str, str] = {}
        lists: dict[str, list[str]] = {}
        for name, value in await sent_fields(request):
            values[name] = value
            lists.setdefault(name, []).append(value)
        form = cls(kind, values, lists)
        once = values.get("once", "")
        form.sent_once = once if ONCE.fullmatch(once) else ""
        try:
            form._struct = decode_fields(kind, form.values, form.lists)
        except Invalid as invalid:
            form.refuse(invalid)
        return form

    @property
    def data(self) -> StructT:
        """The decoded fields; only after checking ``errors``."""
        assert self._struct is not None, "a form with errors has no data"
        return self._struct

    def fields(self) -> dict[str, Any]:
        """The decoded fields by name, to pass to a verb."""
        return {name: getattr(self.data, name) for name in self.data.__struct_fields__}

    @property
    def homeless(self) -> Sequence[str]:
        """What somebody wrote in a field that the page does not show (any more): once the page is rendered."""
        typed = Typed.of([(name, value) for name, value in self.values.items() if name not in self.labels])
        return typed.texts

    def sum_up(self) -> None:
        """Note that the page has said above the form what is wrong: it is not to be said twice."""
        self.summed_up = True

    def refuse(self, refusal: Refusal) -> None:
        """Show this refusal on the form: beside its field, or above all of them."""
        self.refusal = refusal
        for field, sentence in refusal.field_errors().items():
            # An error of a field that is not on this page (or of one item of a list) still has to be read.
            self.errors[field if field in self.values else field.split("[")[0].split(".")[0]] = sentence
        if not self.errors:
            self.errors[""] = refusal.detail()
        for field in [name for name in self.errors if name not in self.values]:
            self.errors[""] = self.errors.pop(field)


async def sent_fields(request: Request[Any, Any, Any]) -> Sequence[tuple[str, str]]:
    """The fields of a sent form, in their order; files are left out. Raises Unreadable.

    Bytes that are no UTF-8 become U+FFFD, which no field accepts. Litestar's own parser is not asked, since it
    remembers the last thousand bodies, and with them the passwords.
    """
    encoding = request.content_type[0]
    if encoding == RequestEncodingType.MULTI_PART:
        form = await request.form()
        return [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
    body = await request.body()
    if body and encoding != RequestEncodingType.URL_ENCODED:
        raise Unreadable
    try:
        return parse_qsl(body.decode(errors="replace"), keep_blank_values=True, max_num_fields=FIELDS_MAX)
    except ValueError as error:
        raise Unreadable from error


class Typed(msgspec.Struct, frozen=True):
    """What was typed into a form whose page could not be shown again: to be sent again, or copied."""

    fields: Sequence[tuple[str, str]] = ()
    texts: Sequence[str] = ()

    @classmethod
    def of(cls, fields: Sequence[tuple[str, str]]) -> "Typed":
        """Keep the fields, but no secret; ``texts`` are those that somebody wrote, to be read."""
        kept = [(name, value) for name, value in fields if "password" not in name]
        if len(kept) < len(fields):
            # Without its password the form would not be the same: it is to be filled in anew.
            return cls()
        written = [value for name, value in kept if name not in {"once", "back", "next"}]
        return cls(kept, [value for value in written if re.search(r"\w\s+\w", value)])
