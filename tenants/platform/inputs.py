"""What may come in: the types of inputs, and why one is not accepted, said field by field.

JSON bodies and HTML forms decode into the same msgspec Structs. This file must never touch the
database or know a domain noun.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Any, Final, TypeVar

import msgspec
import msgspec.inspect
import msgspec.structs
from msgspec import Meta

from tenants.platform.entries import read_cents, read_day, read_minutes
from tenants.platform.errors import Invalid
from tenants.platform.words import N_, _

# Control characters, and the invisible ones that turn a line of text around (Unicode's bidi controls).
_CONTROLS = (
    r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\uffff"
)
LINE_PATTERN: Final = rf"^[^\t\n\r{_CONTROLS}]*$"
PROSE_PATTERN: Final = rf"^[^{_CONTROLS}]*$"

Line = Annotated[str, Meta(min_length=1, max_length=200, pattern=LINE_PATTERN)]
"""One line of text."""
OptionalLine = Annotated[str, Meta(max_length=200, pattern=LINE_PATTERN)]
"""One line of text, which may be empty."""
Prose = Annotated[str, Meta(min_length=1, max_length=10_000, pattern=PROSE_PATTERN)]
"""Text of several lines."""
OptionalProse = Annotated[str, Meta(max_length=10_000, pattern=PROSE_PATTERN)]
"""Text of several lines, which may be empty."""
Secret = Annotated[str, Meta(min_length=1, max_length=1_000, extra={"entry": "secret"})]
"""A password or a token: never shown again, so any character is allowed."""
Email = Annotated[
    str,
    Meta(max_length=254, pattern=r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$"),
]
"""An e-mail address as HTML forms understand it."""
MinutesInput = Annotated[int, Meta(ge=1, le=60_000, extra={"entry": "minutes"})]
"""A duration in minutes (at most 1,000 hours); a form also reads "2h30"."""
CentsInput = Annotated[int, Meta(ge=1, le=1_000_000_00, extra={"entry": "cents"})]
"""An amount in cents; a form also reads "12,50"."""


StructT = TypeVar("StructT", bound=msgspec.Struct)


def decode_fields(
    kind: type[StructT], values: Mapping[str, str], lists: Mapping[str, Sequence[str]]
) -> StructT:
    """Decode the raw fields of a form into ``kind``; raise ``Invalid`` naming every field that is wrong.

    An empty field counts as absent. A field the form does not know is ignored, as browsers add some.
    """
    decoded: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for field in msgspec.structs.fields(kind):
        raw: object = _raw(field, values, lists)
        if raw is msgspec.UNSET:
            if field.required:
                errors[field.encode_name] = _("Ce champ est nécessaire.")
            continue
        try:
            decoded[field.name] = msgspec.convert(_read(field, raw), field.type, strict=False)
        except msgspec.ValidationError as error:
            errors[field.encode_name] = explain(str(error))[1]
    if errors:
        raise Invalid(errors)
    return kind(**decoded)


def _raw(
    field: msgspec.structs.FieldInfo, values: Mapping[str, str], lists: Mapping[str, Sequence[str]]
) -> object:
    """What the form holds for a field: a list, a text, a ticked box, or UNSET."""
    kind = msgspec.inspect.type_info(field.type)
    if isinstance(
        kind, (msgspec.inspect.ListType, msgspec.inspect.VarTupleType, msgspec.inspect.FrozenSetType)
    ):
        return [item for item in lists.get(field.encode_name, ()) if item.strip()]
    if isinstance(kind, msgspec.inspect.BoolType):
        return values.get(field.encode_name, "") not in {"", "0", "false", "off"}
    text = values.get(field.encode_name, "").replace("\r\n", "\n")
    return text if text.strip() else msgspec.UNSET


def _read(field: msgspec.structs.FieldInfo, raw: object) -> object:
    """Read what people type ("2h30", "12,50", "22/11/2026") into what the field holds."""
    if not isinstance(raw, str):
        return raw
    entries = _entries(msgspec.inspect.type_info(field.type))
    if "minutes" in entries:
        return _or_refuse(read_minutes(raw), "minutes")
    if "cents" in entries:
        return _or_refuse(read_cents(raw), "cents")
    if "date" in entries:
        return _or_refuse(read_day(raw), "date")
    return raw if "secret" in entries else raw.strip()


def _or_refuse(value: int | date | None, entry: str) -> int | date:
    if value is None:
        raise msgspec.ValidationError(entry)
    return value


def _entries(kind: msgspec.inspect.Type) -> set[str]:
    """How a field is typed in a form, through unions and metadata."""
    match kind:
        case msgspec.inspect.Metadata():
            extra = (kind.extra or {}).get("entry")
            return ({str(extra)} if extra else set()) | _entries(kind.type)
        case msgspec.inspect.UnionType():
            return set().union(*(_entries(part) for part in kind.types))
        case msgspec.inspect.DateType():
            return {"date"}
        case _:
            return set()


_EXPLANATIONS: Final[Sequence[tuple[re.Pattern[str], str]]] = [
    (re.compile(r"^minutes$"), N_("Écrivez une durée, par exemple 2h30, 45 min ou 1,5.")),
    (re.compile(r"^cents$"), N_("Écrivez un montant, par exemple 12,50.")),
    (re.compile(r"^date$"), N_("Écrivez une date, par exemple 22/11/2026.")),
    (re.compile(r"missing required field `(?P<field>[^`]+)`"), N_("Ce champ est nécessaire.")),
    (re.compile(r"contains unknown field `(?P<field>[^`]+)`"), N_("Ce champ n'existe pas.")),
    (re.compile(r"`str` of length >= 1$"), N_("Ce champ est nécessaire.")),
    (re.compile(r"of length >= (?P<bound>\d+)"), N_("Au moins {bound} caractères.")),
    (re.compile(r"of length <= (?P<bound>\d+)"), N_("Au plus {bound} caractères.")),
    (re.compile(r"Expected `int` >= (?P<bound>-?\d+)"), N_("Au moins {bound}.")),
    (re.compile(r"Expected `int` <= (?P<bound>-?\d+)"), N_("Au plus {bound}.")),
    (re.compile(r"matching regex ['\"].*@"), N_("Cette adresse ne semble pas être une adresse de courriel.")),
    (re.compile(r"matching regex"), N_("Ce texte contient des caractères qui ne sont pas acceptés ici.")),
    (re.compile(r"Invalid enum value"), N_("Ce choix n'existe pas.")),
    (re.compile(r"(Invalid|Expected).*(UUID|uuid)"), N_("Cet identifiant n'en est pas un.")),
    (
        re.compile(r"(Invalid RFC3339|Expected `(date|datetime)`)"),
        N_("Écrivez une date, par exemple 22/11/2026."),
    ),
    (re.compile(r"Expected `(int|float)"), N_("Écrivez un nombre.")),
    (
        re.compile(r"JSON is malformed|Input data was truncated|Invalid UTF-8"),
        N_("Ce n'est pas du JSON lisible."),
    ),
]
_PATH: Final = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")


def explain(message: str) -> tuple[str, str]:
    """Return the field and the sentence for a message of msgspec, in the reader's language.

    An unforeseen message is answered with the general sentence rather than shown in English.
    """
    path = _PATH.search(message)
    field = path["path"] if path else ""
    bare = _PATH.sub("", message)
    for pattern, sentence in _EXPLANATIONS:
        if match := pattern.search(bare):
            facts = match.groupdict()
            if named := facts.pop("field", None):
                field = f"{field}.{named}" if field else named
            return field or "body", _(sentence).format(**facts)
    return field or "body", _("Cette réponse n'a pas la forme attendue.")
