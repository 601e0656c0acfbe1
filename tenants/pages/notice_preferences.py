"""How I want to be told: each kind of notice, quiet hours, the digest; and the mailed way to stop the digest."""

from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any, Final

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from tenants.digests import look_at_stop, stop_digest
from tenants.notice_kinds import DELIVERY_TITLES, KINDS, TOPIC_TITLES, Delivery, NoticeKind, Topic
from tenants.notice_preferences import Preferences, change_notice_preferences, notice_preferences
from tenants.platform.errors import Invalid
from tenants.platform.forms import Done, Form, Nothing
from tenants.platform.inputs import OptionalLine
from tenants.platform.words import _, current_zone, time_of_day
from tenants.visit import Visit

HOURS: Final = tuple(time(hour) for hour in range(24))


class Wishes(msgspec.Struct, frozen=True):
    """``choices`` are kinds and how they come (``bid_placed:digest``); hours are "22:00", or nothing."""

    choices: tuple[str, ...] = ()
    quiet_from: OptionalLine = ""
    quiet_until: OptionalLine = ""
    digest: bool = False


@get("/{cooperative:str}/notices/preferences", include_in_schema=False)
async def preferences_page(visit: NamedDependency[Visit]) -> Response[str]:
    """Show what I have chosen, under headings."""
    own = await notice_preferences(visit.db, actor=visit.actor)
    form = Form(
        Wishes,
        {
            "quiet_from": _typed(own.quiet_from),
            "quiet_until": _typed(own.quiet_until),
            "digest": "1" if own.digest else "",
        },
        {"choices": [f"{kind}:{delivery}" for kind, delivery in own.deliveries.items()]},
    )
    return _show(visit, form, own)


@post("/{cooperative:str}/notices/preferences", include_in_schema=False)
async def change_preferences(visit: NamedDependency[Visit]) -> Response[Any]:
    """Choose."""
    form = await visit.form(Wishes)

    async def work() -> Done:
        wishes = form.data
        await change_notice_preferences(
            visit.db,
            actor=visit.actor,
            choices=_read_choices(wishes.choices),
            quiet_from=_read_hour("quiet_from", wishes.quiet_from),
            quiet_until=_read_hour("quiet_until", wishes.quiet_until),
            digest=wishes.digest,
        )
        return Done(f"/{visit.slug}/notices/preferences", _("Vos choix sont enregistrés."))

    async def again() -> Response[str]:
        return _show(visit, form, await notice_preferences(visit.db, actor=visit.actor))

    return await visit.submit(form, work, otherwise=again)


def _show(visit: Visit, form: Form[Wishes], own: Preferences) -> Response[str]:
    groups: list[tuple[Topic, Sequence[NoticeKind]]] = []
    for topic in Topic:
        kinds = [kind for kind in KINDS.values() if kind.about is topic]
        if kinds:
            groups.append((topic, sorted(kinds, key=lambda kind: (kind.required, not kind.waits))))
    hours = {*HOURS, *(one for one in (own.quiet_from, own.quiet_until) if one)}
    return visit.page(
        "tenants/notice_preferences.html",
        form=form,
        groups=groups,
        topic_titles=TOPIC_TITLES,
        deliveries=[(str(one), _(title)) for one, title in DELIVERY_TITLES.items()],
        hours=[(_typed(one), _said(one)) for one in sorted(hours)],
    )


def _said(hour: time) -> str:
    return time_of_day(datetime.combine(date(2000, 1, 1), hour, current_zone()))


def _typed(hour: time | None) -> str:
    return f"{hour:%H:%M}" if hour else ""


def _read_hour(field: str, typed: str) -> time | None:
    try:
        return time.fromisoformat(typed) if typed else None
    except ValueError:
        raise Invalid({field: _("Ce choix n'existe pas.")}) from None


def _read_choices(typed: Sequence[str]) -> dict[str, Delivery]:
    read: dict[str, Delivery] = {}
    for one in typed:
        kind, _colon, delivery = one.partition(":")
        if delivery not in set(Delivery):
            raise Invalid({"choices": _("Ce choix n'existe pas.")})
        read[kind] = Delivery(delivery)
    return read


# --- The mailed way out ----------------------------------------------------------------------------------


@get("/mail/stop/{token:str}", include_in_schema=False)
async def stop_page(visit: NamedDependency[Visit], token: FromPath[str]) -> Response[str]:
    """Say what the button stops. Opening the link stops nothing: mail scanners open links."""
    return visit.page(
        "tenants/digest_stop.html",
        stopping=await look_at_stop(visit.db, token=token),
        token=token,
        form=visit.click,
        stopped=False,
    )


@post("/mail/stop/{token:str}", include_in_schema=False)
async def stop(visit: NamedDependency[Visit], token: FromPath[str]) -> Response[Any]:
    """Stop the digest: pressed by a person, or sent by their mail program in one click (RFC 8058)."""
    form = await visit.form(Nothing)
    stopped = await stop_digest(visit.db, token=token)
    return visit.page("tenants/digest_stop.html", stopping=stopped, token=token, form=form, stopped=True)
