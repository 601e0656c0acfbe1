"""Facts as JSON keeps them, read back so that they can be said: days and moments, by the ending of their names.

Notices and register lines store facts and make their sentences when they are read. This file must never store or
translate anything.
"""

from collections.abc import Mapping
from datetime import date, datetime
from string import Formatter
from typing import Any


def revived(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts, with ``*_on`` texts as days and ``*_at`` texts as moments again."""
    return {name: _revived(name, value) for name, value in facts.items()}


def _revived(name: str, value: Any) -> Any:
    if isinstance(value, str) and name.endswith("_on"):
        return date.fromisoformat(value)
    if isinstance(value, str) and name.endswith("_at"):
        return datetime.fromisoformat(value)
    return value


def missing(facts: Mapping[str, Any], *templates: str) -> set[str]:
    """The placeholders of the templates for which there is no fact."""
    parts = [part for template in templates for part in Formatter().parse(template)]
    return {name for _text, name, _spec, _conversion in parts if name} - set(facts)
