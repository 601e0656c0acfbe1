"""HTML forms: what was typed, what is wrong with it, and where to go when it worked.

A form keeps what was typed whatever happens, and says each mistake beside its field. This file must
never decide what is allowed: that is the verb's.
"""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

import msgspec
from litestar import Request

from tenants.platform.errors import Invalid, Refusal
from tenants.platform.inputs import decode_fields

StructT = TypeVar("StructT", bound=msgspec.Struct)

ONCE_LENGTH_MAX = 64


class Done(msgspec.Struct, frozen=True):
    """The form did its work: go to ``path``, where ``notice`` is shown once."""

    path: str
    notice: str = ""


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
        # The macros note each field's label here, so that the summary of errors can name the field.
        self.labels: dict[str, str] = {}
        self.once = secrets.token_urlsafe(16)
        self.sent_once = ""
        self.refusal: Refusal | None = None
        self._struct: StructT | None = None

    @classmethod
    async def received(cls, request: Request[Any, Any, Any], kind: type[StructT]) -> "Form[StructT]":
        """Read a sent form; whatever cannot be decoded is in ``errors``."""
        sent = await request.form()
        values: dict[str, str] = {}
        lists: dict[str, list[str]] = {}
        for name, value in sent.multi_items():
            if isinstance(value, str):
                values[name] = value
                lists.setdefault(name, []).append(value)
        form = cls(kind, values, lists)
        form.sent_once = values.get("once", "")[:ONCE_LENGTH_MAX]
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
