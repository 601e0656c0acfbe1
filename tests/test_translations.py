"""Every sentence of the software has its English, in its own floor's catalogue, and says the same things.

``python -m tests.test_translations`` prints, as ready-made entries, what each catalogue lacks.
"""

import re
import sys
from collections import defaultdict
from functools import cache

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from tenants.platform.words import FLOORS, ROOT

Message = str | tuple[str, ...]

METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2.ext:babel_extract")]
OPTIONS = {
    "**/templates/**.html": {"trimmed": "true", "newstyle_gettext": "true", "extensions": "jinja2.ext.do"}
}
# N_ marks a string that is translated where it is shown; the rest are gettext's own names.
KEYWORDS = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}

PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w*\}|%%")


class Anything(dict[str, str]):
    """Has a value for every name."""

    def __missing__(self, name: str) -> str:
        return name


@cache
def said(floor: str) -> dict[Message, str]:
    """Every sentence that a floor's code and templates hold, and where its first use is."""
    found: dict[Message, str] = {}
    for file, line, message, *_ in extract_from_dir(ROOT / floor, METHODS, OPTIONS, KEYWORDS):
        if message:
            found.setdefault(message, f"{floor}/{file}:{line}")
    return found


@cache
def catalogue(floor: str) -> Catalog:
    path = ROOT / floor / "locale" / "en.po"
    if not path.is_file():
        return Catalog(locale="en")
    with path.open("rb") as file:
        return read_po(file, locale="en", abort_invalid=True)


def kept(floor: str) -> dict[Message, Message]:
    """Every entry of a floor's catalogue, by its French."""
    entries: dict[Message, Message] = {}
    for entry in catalogue(floor):
        if entry.id:
            key = entry.id if isinstance(entry.id, str) else tuple(entry.id)
            entries[key] = entry.string if isinstance(entry.string, str) else tuple(entry.string or ())
    return entries


def missing(floor: str) -> dict[Message, str]:
    """The sentences of a floor that its catalogue does not know, and where they are said."""
    known = kept(floor)
    return {message: place for message, place in said(floor).items() if message not in known}


@pytest.mark.parametrize("floor", FLOORS)
def test_every_sentence_is_in_the_catalogue_of_its_floor(floor: str) -> None:
    assert not missing(floor)


@pytest.mark.parametrize("floor", FLOORS)
def test_no_catalogue_keeps_a_sentence_that_nobody_says_any_more(floor: str) -> None:
    assert not kept(floor).keys() - said(floor).keys()


@pytest.mark.parametrize("floor", FLOORS)
def test_every_entry_is_translated_and_none_is_fuzzy(floor: str) -> None:
    for french, english in kept(floor).items():
        forms = (english,) if isinstance(english, str) else english
        assert all(form.strip() for form in forms), french
    assert not [entry.id for entry in catalogue(floor) if entry.fuzzy and entry.id]


@pytest.mark.parametrize("floor", FLOORS)
def test_a_translation_keeps_the_placeholders_of_its_sentence(floor: str) -> None:
    for french, english in kept(floor).items():
        wanted = [
            set(PLACEHOLDER.findall(form)) for form in ((french,) if isinstance(french, str) else french)
        ]
        given = [
            set(PLACEHOLDER.findall(form)) for form in ((english,) if isinstance(english, str) else english)
        ]
        # The singular of a plural may say "one" in letters.
        assert given[-1] == wanted[-1], french
        assert given[0] <= wanted[-1], french


@pytest.mark.parametrize("floor", FLOORS)
def test_a_template_says_percent_and_code_says_braces(floor: str) -> None:
    """Jinja fills ``%(name)s`` and would stumble over a lone ``%``; Python fills ``{name}``."""
    for message, place in said(floor).items():
        english = kept(floor).get(message, message)
        for form in [
            part for text in (message, english) for part in ([text] if isinstance(text, str) else text)
        ]:
            if place.split(":")[0].endswith(".html"):
                assert not re.search(r"\{\w*\}", form), f"{place}: {form}"
                assert form % Anything(), f"{place}: {form}"
            else:
                assert not re.search(r"%\(\w+\)s", form), f"{place}: {form}"
                assert form.format_map(Anything()), f"{place}: {form}"


def test_one_french_sentence_has_one_english_whichever_floor_says_it() -> None:
    translations: dict[Message, set[Message]] = defaultdict(set)
    for floor in FLOORS:
        for french, english in kept(floor).items():
            translations[french].add(english)
    assert not {french: english for french, english in translations.items() if len(english) > 1}


def test_the_sources_say_something_to_translate() -> None:
    """Guards the other tests: an extraction that finds nothing would let everything pass."""
    assert "Aller au contenu" in said("tenants")
    assert "Cette action n'est pas possible." in said("tenants")
    assert ("%(num)s non lu", "%(num)s non lus") in said("tenants")


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _entry(message: Message, place: str) -> str:
    if isinstance(message, str):
        return f'#: {place}\nmsgid {_quoted(message)}\nmsgstr ""\n'
    plural = "\n".join(f'msgstr[{form}] ""' for form in range(2))
    return f"#: {place}\nmsgid {_quoted(message[0])}\nmsgid_plural {_quoted(message[1])}\n{plural}\n"


if __name__ == "__main__":
    for name in sys.argv[1:] or FLOORS:
        lacking = missing(name)
        sys.stderr.write(f"# {name}/locale/en.po lacks {len(lacking)} entries\n")
        for sentence, where in sorted(lacking.items(), key=lambda pair: pair[1]):
            sys.stdout.write(_entry(sentence, where) + "\n")
