"""The README shows the pictures that ``make pictures`` takes: each is there, light enough, and said in words."""

import re
from pathlib import Path

from tests.pictures import FOLDER, PICTURES, ROOT

HEAVIEST_BYTES = 150_000
README = (ROOT / "README.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"<img ([^>]*)>", README)
PNG = b"\x89PNG\r\n\x1a\n"


def of(attributes: str, name: str) -> str:
    """The value of an attribute."""
    found = re.search(rf'\b{name}="([^"]*)"', attributes)
    assert found, f"{name} is missing: {attributes}"
    return found[1]


def test_the_readme_shows_every_picture_that_is_taken_and_no_other() -> None:
    taken = {f".github/pictures/{one.name}.png" for one in PICTURES}
    assert {of(one, "src") for one in SHOWN} == taken
    assert {f".github/pictures/{file.name}" for file in FOLDER.iterdir()} == taken
    assert not re.findall(r"!\[[^]]*\]\((?!https)", README), "a picture in another spelling escapes this test"


def test_every_picture_is_light_and_said_in_words() -> None:
    words = [of(one, "alt") for one in SHOWN]
    assert len(set(words)) == len(words) >= 6
    assert all(len(said) > 40 and said.endswith(".") for said in words)
    for one in SHOWN:
        file = Path(ROOT / of(one, "src"))
        assert file.read_bytes().startswith(PNG), file
        assert file.stat().st_size < HEAVIEST_BYTES, file


def test_they_show_desk_and_telephone_light_and_dark_and_both_languages() -> None:
    for manner in ("phone", "dark", "english"):
        assert {bool(getattr(one, manner)) for one in PICTURES} == {True, False}, manner


def test_the_command_that_takes_them_is_the_one_the_readme_names() -> None:
    assert "python -m tests.pictures" in (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "`make pictures`" in README
