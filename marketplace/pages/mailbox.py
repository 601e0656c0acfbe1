"""The demo's mailbox: what would have been mailed, shown to whoever tries the software on their own machine.

Only where DEMO is on, which no production installation can switch on. This file must never send a mail.
"""

import asyncio
import re
from typing import Final

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from markupsafe import Markup, escape

from tenants.platform.errors import NotFound
from tenants.platform.mail import kept_mail, kept_mails
from tenants.visit import Visit

_ADDRESS: Final = re.compile(r"https?://[^\s<>]+")


@get("/mail", include_in_schema=False)
async def mailbox_page(visit: NamedDependency[Visit]) -> Response[str]:
    """List the newest mails of the demo."""
    directory = visit.house.settings.mail_directory
    if not visit.demo or directory is None:
        raise NotFound
    mails = await asyncio.to_thread(kept_mails, directory)
    return visit.page("marketplace/mailbox.html", mails=mails)


@get("/mail/{name:str}", include_in_schema=False)
async def mail_page(visit: NamedDependency[Visit], name: FromPath[str]) -> Response[str]:
    """Show one mail, its addresses as links."""
    directory = visit.house.settings.mail_directory
    if not visit.demo or directory is None:
        raise NotFound
    mail = await asyncio.to_thread(kept_mail, directory, name)
    if mail is None:
        raise NotFound
    return visit.page("marketplace/mail.html", mail=mail, text=linked(mail.text))


def linked(text: str) -> Markup:
    """The text with its web addresses as links, and nothing else of it as HTML."""
    parts: list[Markup] = []
    end = 0
    for found in _ADDRESS.finditer(text):
        address = found[0].rstrip(".,;:!?)")
        parts += [escape(text[end : found.start()]), Markup('<a href="{0}">{0}</a>').format(address)]
        end = found.start() + len(address)
    return Markup().join([*parts, escape(text[end:])])


PAGES: Final = [mailbox_page, mail_page]
