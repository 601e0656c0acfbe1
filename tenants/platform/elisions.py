"""Elisions: what French does to « de », « que » and « à » before a name that is filled in.

« Demande de {name} » becomes « Demande d’Aurore » and « Membres de {name} » « Membres des Ateliers ». It works on the
sentence before it is filled in, so what people wrote themselves is never touched. This file must never translate.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

_BEFORE: Final = re.compile(r"\b([Dd]e|[Qq]ue|[Àà]) (?:%\((\w+)\)s|\{(\w+)\})")
# An h is mute before these in most French names; before an a it mostly is not (Hamid, Hassan, Hans).
_MUTE: Final = re.compile(r"(?:[aàâæeéèêëiîïoôöœuùûü]|h[eéèêiîoôuy])", re.IGNORECASE)
_MERGED: Final = {
    ("de", "Le "): "du ",
    ("de", "Les "): "des ",
    ("à", "Le "): "au ",
    ("à", "Les "): "aux ",
}


def elided(sentence: str, facts: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the French sentence as it reads with these facts, and the facts to fill in (some without their article).

    Only texts elide: numbers, and texts that already carry markup, are left as they are.
    """
    filled = dict(facts)

    def join(found: re.Match[str]) -> str:
        word, name = found[1], found[2] or found[3]
        value = facts.get(name)
        if type(value) is not str:
            return found[0]
        for (small, article), merged in _MERGED.items():
            if word.lower() == small and value.startswith(article):
                # The same fact may stand elsewhere in the sentence with its article.
                filled[f"{name}_merged"] = value.removeprefix(article)
                opening = merged.capitalize() if word[0].isupper() else merged
                return opening + found[0].removeprefix(f"{word} ").replace(name, f"{name}_merged")
        if word.lower() in {"de", "que"} and _MUTE.match(value):
            return f"{word[:-1]}\N{RIGHT SINGLE QUOTATION MARK}{found[0].removeprefix(f'{word} ')}"
        return found[0]

    return _BEFORE.sub(join, sentence), filled
