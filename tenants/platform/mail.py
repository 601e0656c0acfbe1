"""Mail: one message to one person, by SMTP, or into a folder on this machine for the demo.

Nothing a person typed can become a header or a second addressee. This file must never decide who is
written to, and never log an address or a text.
"""

import asyncio
import hashlib
import os
import re
import secrets
import time
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid, parsedate_to_datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

import aiosmtplib
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.platform.settings import Settings

SMTP_SECONDS = 15.0
SUBJECT_LENGTH_MAX = 200
ADDRESS_LENGTH_MAX = 254
SUFFIX = ".eml"
IMPLICIT_TLS_PORT = 465
SUBMISSION_PORT = 587

_ADDRESS = re.compile(r"[^\s@<>()\[\]\\,;:\"\x00-\x1f\x7f]{1,64}@[^\s@<>()\[\]\\,;:\"\x00-\x1f\x7f]+")
_NAME = re.compile(r"[0-9]{19}-[0-9a-f]{16}\.eml")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


class BadAddress(ValueError):
    """This cannot be written to. The message never repeats it."""


@dataclass(frozen=True, kw_only=True)
class Message:
    """A mail to one person. ``text`` is enough; ``html``, if any, says the same.

    Two mails of one ``key`` are the same mail: sent again after a crash, it bears the same Message-ID, by which a
    mailbox knows it. ``stop`` is where one request ends mails of this sort (RFC 8058).
    """

    to: str
    subject: str
    text: str
    html: str | None = None
    to_name: str = ""
    key: str = ""
    stop: str = ""


@dataclass(frozen=True, kw_only=True)
class KeptMail:
    """A mail in the demo's folder, as its mailbox page shows it."""

    name: str
    sent_at: datetime
    to: str
    subject: str
    text: str


class Post(Protocol):
    """What can send a mail."""

    async def send(self, message: Message) -> None:
        """Hand the mail over. Raises BadAddress, OSError or aiosmtplib.SMTPException."""


def open_post(settings: Settings) -> Post:
    """The post that the settings name."""
    if settings.mail_directory is not None:
        return FolderPost(settings.mail_directory, sender=settings.mail_from)
    assert settings.smtp_url, "this process was given neither SMTP_URL nor MAIL_DIRECTORY"
    return SmtpPost(settings.smtp_url, sender=settings.mail_from)


def post_of(db: AsyncSession) -> Post:
    """The post that the worker gave to the transaction of a subscriber."""
    post: Post = db.info["post"]
    return post


class SmtpPost:
    """Sends through the SMTP server at ``url``: smtps:// with TLS from the start, smtp:// with STARTTLS.

    A server on this machine (or ``?starttls=never``) is spoken to in the clear.
    """

    def __init__(self, url: str, *, sender: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname, "the settings have checked the address"
        self._sender = sender
        self._host = parts.hostname
        self._tls = parts.scheme == "smtps"
        self._port = parts.port or (IMPLICIT_TLS_PORT if self._tls else SUBMISSION_PORT)
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        clear = "starttls=never" in parts.query or parts.hostname in {"localhost", "127.0.0.1", "::1"}
        self._start_tls = not self._tls and not clear

    async def send(self, message: Message) -> None:
        """Hand the mail to the server; when this returns it has accepted it."""
        await aiosmtplib.send(
            compose(message, sender=self._sender),
            hostname=self._host,
            port=self._port,
            username=self._user,
            password=self._password,
            use_tls=self._tls,
            start_tls=self._start_tls,
            timeout=SMTP_SECONDS,
        )


class FolderPost:
    """Keeps each mail as one .eml file in a folder that only this user can read."""

    def __init__(self, directory: Path, *, sender: str) -> None:
        self._directory = directory
        self._sender = sender

    async def send(self, message: Message) -> None:
        """Write the mail; a reader never sees half of it."""
        content = compose(message, sender=self._sender).as_bytes()
        await asyncio.to_thread(self._write, content, _mark(message.key))

    def _write(self, content: bytes, mark: str) -> None:
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        if mark and any(self._directory.glob(f"*-{mark}{SUFFIX}")):
            return
        path = self._directory / f"{time.time_ns():019d}-{mark or secrets.token_hex(8)}{SUFFIX}"
        unfinished = path.with_suffix(".new")
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
        unfinished.rename(path)


def compose(message: Message, *, sender: str) -> EmailMessage:
    """The mail as it goes over the wire. Raises BadAddress."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = Address("Archipel", addr_spec=_checked(sender))
    mail["To"] = Address(_one_line(message.to_name), addr_spec=_checked(message.to))
    mail["Subject"] = _one_line(message.subject)[:SUBJECT_LENGTH_MAX]
    mail["Date"] = format_datetime(datetime.now().astimezone())
    domain = sender.rpartition("@")[2]
    mark = _mark(message.key)
    mail["Message-ID"] = f"<{mark}@{domain}>" if mark else make_msgid(domain=domain)
    if message.stop:
        mail["List-Unsubscribe"] = f"<{message.stop}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    # Nobody's holiday reply should answer a machine.
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(_UNPRINTABLE.sub("", message.text))
    if message.html is not None:
        mail.add_alternative(_UNPRINTABLE.sub("", message.html), subtype="html")
    return mail


def _mark(key: str) -> str:
    """Sixteen hexadecimal digits by which a mail of this key is known again; nothing without a key."""
    return hashlib.sha256(key.encode()).hexdigest()[:16] if key else ""


def _one_line(words: str) -> str:
    """What was typed, without anything that could end a header or turn its letters around.

    That includes an encoded word (``=?utf-8?q?=0d=0a...?=``): the email package would decode it, and write
    the line break that comes out.
    """
    return " ".join(_CONTROL.sub(" ", words).replace("=?", "= ?").split())


def _checked(address: str) -> str:
    """The address with its domain in ASCII. Raises BadAddress."""
    if len(address) > ADDRESS_LENGTH_MAX or not _ADDRESS.fullmatch(address):
        raise BadAddress("not an e-mail address")
    mailbox, _, domain = address.rpartition("@")
    try:
        host = domain.encode("idna").decode("ascii")
        mailbox.encode("ascii")
    except UnicodeError:
        raise BadAddress("not an e-mail address we can write to") from None
    return f"{mailbox}@{host}"


def kept_mails(directory: Path, *, most: int = 50) -> list[KeptMail]:
    """The newest mails of the demo's folder, newest first."""
    try:
        names = sorted(
            (path.name for path in directory.iterdir() if _NAME.fullmatch(path.name)), reverse=True
        )
    except OSError:
        return []
    found = (kept_mail(directory, name) for name in names[:most])
    return [mail for mail in found if mail is not None]


def kept_mail(directory: Path, name: str) -> KeptMail | None:
    """One mail by its file name; None if there is none (a name cannot lead out of the folder)."""
    if not _NAME.fullmatch(name):
        return None
    try:
        content = (directory / name).read_bytes()
    except OSError:
        return None
    mail = message_from_bytes(content, policy=SMTP)
    assert isinstance(mail, EmailMessage)
    body = mail.get_body(preferencelist=("plain", "html"))
    return KeptMail(
        name=name,
        sent_at=parsedate_to_datetime(str(mail["Date"])),
        to=str(mail["To"]),
        subject=str(mail["Subject"]),
        text=str(body.get_content()).replace("\r\n", "\n") if body is not None else "",
    )
