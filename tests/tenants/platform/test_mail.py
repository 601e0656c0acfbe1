"""Mail: what a person typed never becomes a header, and what is kept is read back as it was sent."""

import asyncio
from collections.abc import AsyncIterator
from email import message_from_bytes
from email.policy import SMTP
from pathlib import Path

import pytest
from aiosmtplib import SMTPException

from tenants.platform.mail import BadAddress, FolderPost, Message, SmtpPost, compose, kept_mail, kept_mails

SENDER = "archipel@coop.example"


def message(**changes: str | None) -> Message:
    parts = {
        "to": "marie@example.org",
        "subject": "Deux heures reçues",
        "text": "Bonjour Marie,\n\nMerci !\n",
    }
    return Message(**{**parts, **changes})  # type: ignore[arg-type]


async def test_a_kept_mail_is_read_back_as_it_was_sent(tmp_path: Path) -> None:
    post = FolderPost(tmp_path / "mail", sender=SENDER)
    await post.send(message())
    await post.send(message(subject="Le second"))
    second, first = kept_mails(tmp_path / "mail")
    assert (first.subject, first.to, first.text) == (
        "Deux heures reçues",
        "marie@example.org",
        "Bonjour Marie,\n\nMerci !\n",
    )
    assert second.subject == "Le second"
    assert kept_mail(tmp_path / "mail", first.name) == first
    [path, _other] = sorted((tmp_path / "mail").iterdir())
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "name", ["../secrets.json", "..", "", "/etc/passwd", "a.eml", f"{'1' * 19}-{'a' * 16}.eml"]
)
def test_a_name_never_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "mail").mkdir()
    (tmp_path / "secrets.json").write_text("{}")
    assert kept_mail(tmp_path / "mail", name) is None
    assert kept_mails(tmp_path / "nowhere") == []


@pytest.mark.parametrize(
    "typed",
    [
        "Bonjour\r\nBcc: everybody@example.org",
        "Bonjour\nBcc: everybody@example.org\n\nNew body",
        "Bonjour\x0b\x0c\x1c\x85\u2028Bcc: everybody@example.org",
        "=?utf-8?q?Bonjour=0d=0aBcc=3a_everybody=40example=2eorg?=",
    ],
)
def test_nothing_typed_becomes_a_header_or_an_addressee(typed: str) -> None:
    sent = compose(message(subject=typed, to_name=typed), sender=SENDER).as_bytes()
    mail = message_from_bytes(sent, policy=SMTP)
    assert set(mail.keys()) == {
        "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted",
        "Content-Type", "Content-Transfer-Encoding", "MIME-Version",
    }  # fmt: skip
    assert [address.addr_spec for address in mail["To"].addresses] == ["marie@example.org"]
    assert b"\r\nBcc" not in sent
    assert b"\nNew body" not in sent.split(b"\r\n\r\n")[0]


def test_letters_cannot_be_turned_around_in_a_subject() -> None:
    assert compose(message(subject="a\u202eb\u2066c"), sender=SENDER)["Subject"] == "a b c"
    assert len(str(compose(message(subject="é" * 999), sender=SENDER)["Subject"])) == 200


@pytest.mark.parametrize(
    "to",
    [
        "", "marie", "marie@", "@example.org", "a@b@c", "marie@example.org\r\nBcc: x@y.z", "a@b.c,d@e.f",
        "Marie <marie@example.org>", "marie @example.org", "\u202emarie@example.org", f"{'a' * 65}@b.c", f"a@{'b' * 300}.c",
    ],
)  # fmt: skip
def test_what_is_not_one_address_is_refused_without_repeating_it(to: str) -> None:
    with pytest.raises(BadAddress) as refused:
        compose(message(to=to), sender=SENDER)
    assert not to or to not in str(refused.value)


def test_an_address_of_an_accented_domain_is_written_in_ascii() -> None:
    assert "marie@xn--caf-dma.example" in str(compose(message(to="marie@café.example"), sender=SENDER)["To"])


def test_text_and_html_say_the_same_in_two_parts() -> None:
    mail = compose(message(html="<p>Bonjour</p>"), sender=SENDER)
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]


class TalkingServer:
    """The least that speaks SMTP; it keeps what it is told."""

    def __init__(self, *, accepts: bool = True) -> None:
        self.said: list[bytes] = []
        self.accepts = accepts

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        while line := await reader.readline():
            self.said.append(line)
            if line.upper().startswith(b"DATA"):
                writer.write(b"354 go on\r\n")
                while (line := await reader.readline()) != b".\r\n":
                    self.said.append(line)
            if line.upper().startswith(b"RCPT") and not self.accepts:
                writer.write(b"550 nobody here\r\n")
            else:
                writer.write(b"221 bye\r\n" if line.upper().startswith(b"QUIT") else b"250 fine\r\n")
        writer.close()


@pytest.fixture
async def server() -> AsyncIterator[tuple[TalkingServer, str]]:
    talking = TalkingServer()
    listening = await asyncio.start_server(talking.talk, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield talking, f"smtp://127.0.0.1:{port}"


async def test_smtp_is_told_one_sender_one_addressee_and_the_mail(server: tuple[TalkingServer, str]) -> None:
    talking, url = server
    await SmtpPost(url, sender=SENDER).send(message(text="Une ligne\n.\nla fin"))
    said = b"".join(talking.said)
    assert b"MAIL FROM:<archipel@coop.example>" in said
    assert said.count(b"RCPT TO:") == 1
    assert b"RCPT TO:<marie@example.org>" in said
    assert b"la fin" in said


async def test_a_mail_that_the_server_refuses_is_an_error_to_try_again(
    server: tuple[TalkingServer, str],
) -> None:
    talking, url = server
    talking.accepts = False
    with pytest.raises(SMTPException):
        await SmtpPost(url, sender=SENDER).send(message())
