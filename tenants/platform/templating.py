"""The Jinja environment: where templates are found, what they may call, and how a page is made of one.

Templates of every floor are found by ``<package>/<name>.html``; ``layout.html``, ``forms.html``, ``parts.html``
belong to the platform. Everything is escaped, an undefined name is an error, and ``_`` speaks the reader's
language. This file must never query, and a template must never receive more than it shows.

Filters that depend on the reader's language take the context, since Jinja computes a filter on a constant once,
when it compiles, and would freeze the first reader's language into the page.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from markupsafe import Markup

from tenants.platform import markdown, search_words, territories, words
from tenants.platform.elisions import elided

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jinja2.runtime import Context

STATIC_DIRECTORY: Final = words.ROOT / "tenants" / "platform" / "static"
TEMPLATE_DIRECTORIES: Final = (
    words.ROOT / "tenants" / "platform" / "templates",
    *(words.ROOT / floor / "templates" for floor in words.FLOORS),
)
_HASH_LENGTH: Final = 10


class NavigationItem(NamedTuple):
    """One entry of the main navigation; ``children`` make it a menu."""

    label: str
    path: str
    current: bool = False
    children: Sequence[NavigationItem] = ()


@cache
def asset(name: str) -> str:
    """Return the address of a static file with a hash of its content, so that browsers may keep it for ever."""
    digest = hashlib.sha256((STATIC_DIRECTORY / name).read_bytes()).hexdigest()
    return f"/static/{name}?v={digest[:_HASH_LENGTH]}"


@cache
def environment() -> Environment:
    """Build the one environment; it is the same for all readers and all cooperatives."""
    jinja = Environment(
        loader=FileSystemLoader(TEMPLATE_DIRECTORIES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
        auto_reload=False,
    )
    jinja.policies["ext.i18n.trimmed"] = True
    jinja.install_gettext_callables(words.gettext, _plural, newstyle=True)  # type: ignore[attr-defined]
    jinja.globals |= {"gettext": _said, "ngettext": _said_of}
    jinja.globals["asset"] = asset
    # For what is printed; what happens when is the database's to say.
    jinja.globals["now"] = lambda: datetime.now(UTC)
    jinja.globals["current_locale"] = words.current_locale
    jinja.globals["territories_by_region"] = territories.territories_by_region
    for name, say in _SPOKEN.items():
        jinja.filters[name] = _spoken(say)
    jinja.filters |= {
        "markdown": markdown.render_markdown,
        "excerpt": markdown.excerpt,
        "territory": territories.territory_name,
        "marked": search_words.marked,
        "iso": lambda at: at.isoformat(),
    }
    return jinja


def render(template: str, /, **context: object) -> str:
    """Render a page in the language that ``use_locale`` set."""
    return environment().get_template(template).render(context)


_SPOKEN: Final[dict[str, Callable[..., str]]] = {
    "duration": words.duration,
    "euros": words.euros,
    "number": words.number,
    "percent": words.percent,
    "listing": words.listing,
    "day": words.day,
    "last_day": words.last_day,
    "short_day": words.short_day,
    "month": words.month,
    "time_of_day": words.time_of_day,
    "moment": words.moment,
    "relative": words.relative,
    # A title declared at import with N_ (a rule, an accent, a role) is translated where it is shown.
    "translated": words.gettext,
}


def _spoken(say: Callable[..., str]) -> Callable[..., str]:
    @pass_context
    def spoken(_context: Context, value: Any, *args: Any, **options: Any) -> str:
        return say(value, *args, **options)

    return spoken


def _plural(singular: str, plural: str, n: int) -> str:
    # Jinja fills the %(name)s in by itself, after this has chosen the form.
    return words.ngettext(singular, plural, n)


@pass_context
def _said(context: Context, message: str, /, **facts: Any) -> str:
    return _fill(context, words.gettext(message), facts)


@pass_context
def _said_of(context: Context, singular: str, plural: str, num: int, /, **facts: Any) -> str:
    return _fill(context, words.ngettext(singular, plural, num), {"num": num, **facts})


def _fill(context: Context, text: str, facts: dict[str, Any]) -> str:
    """Fill the %(name)s in as Jinja does, once French has elided before them."""
    if words.current_locale() == "fr":
        text, facts = elided(text, facts)
    if context.eval_ctx.autoescape:
        text = Markup(text)  # noqa: S704 (our own sentence; what fills it in is escaped)
    return text % facts


__all__ = [
    "STATIC_DIRECTORY",
    "TEMPLATE_DIRECTORIES",
    "Markup",
    "NavigationItem",
    "asset",
    "environment",
    "render",
]
