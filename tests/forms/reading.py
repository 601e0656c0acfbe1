"""The forms of a page, read as a browser reads them: where they go, and what each field holds.

This file must never know a page of ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Field:
    """One field of a form, with what it holds."""

    name: str
    kind: str
    value: str = ""
    choices: list[str] = field(default_factory=list)

    @property
    def written(self) -> bool:
        """Whether people write in it, and may read there what they wrote."""
        return self.kind in {"text", "email", "search", "tel", "url", "date", "number", "textarea"}


@dataclass
class FormRead:
    """One form: its fields by name, in their order."""

    page: str
    action: str
    fields: dict[str, Field] = field(default_factory=dict)

    @property
    def shown(self) -> Sequence[Field]:
        """The fields that a person fills in."""
        return [one for one in self.fields.values() if one.kind not in {"hidden", "button"}]

    def values(self) -> dict[str, str]:
        """What a browser would send if nothing was touched."""
        return {one.name: one.value for one in self.fields.values() if one.kind != "button" and one.value}


class _Reader(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.page = page
        self.forms: list[FormRead] = []
        self.writing: Field | None = None
        self.choosing: Field | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and given.get("method", "get").lower() == "post":
            self.forms.append(FormRead(self.page, given.get("action") or self.page))
        elif tag == "form":
            self.forms.append(FormRead(self.page, ""))
        elif tag == "option" and self.choosing:
            self.choosing.choices += [given["value"]] if given.get("value") else []
            if "selected" in given:
                self.choosing.value = given.get("value", "")
        elif self.forms and given.get("name"):
            self._field(tag, given)

    def _field(self, tag: str, given: dict[str, str]) -> None:
        fields, name = self.forms[-1].fields, given["name"]
        kind = {"input": given.get("type", "text"), "button": "button"}.get(tag, tag)
        one = fields.setdefault(name, Field(name, kind))
        if tag == "textarea":
            self.writing = one
        elif tag == "select":
            self.choosing = one
        elif kind in {"radio", "checkbox"}:
            one.choices.append(given.get("value", "on"))
            if "checked" in given:
                one.value = given.get("value", "on")
        elif kind != "button":
            one.value = given.get("value", "")

    def handle_data(self, data: str) -> None:
        if self.writing:
            self.writing.value += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self.writing:
            # As browsers do: the line break right after the opening tag is none of the text.
            self.writing.value = self.writing.value.removeprefix("\n")
            self.writing = None
        elif tag == "select":
            self.choosing = None


def read_forms(page: str, html: str) -> list[FormRead]:
    """The forms of a page that are sent by POST."""
    reader = _Reader(page)
    reader.feed(html)
    return [form for form in reader.forms if form.action]
