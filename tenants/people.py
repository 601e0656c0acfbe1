"""People: who signs in. Only what signing in needs, seen and changed by that person alone.

Names and contacts belong to a membership, inside a cooperative. The policy of these tables looks at the
person of the transaction, so the application cannot list people; the few searches that signing in needs
are functions in ``people.sql``. This file must never hold a name, a role or a cooperative.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import CheckConstraint, UniqueConstraint, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from tenants.half_sign_ins import enter
from tenants.passwords import hash_password, is_password, renewed_hash
from tenants.platform.database import Base, work_for
from tenants.platform.errors import NotFound, Refusal
from tenants.platform.ids import PersonId
from tenants.platform.sealing import Seal
from tenants.platform.security import subscriber_of
from tenants.platform.throttle import Limit, Throttle
from tenants.platform.words import LOCALES, N_
from tenants.second_factors import must_show_code
from tenants.sign_ins import Opened, SignIn, SignInMethod, revoke_other_sign_ins

# Who came in by mail a moment ago holds the mailbox, and may set a password without the old one.
RECENT: Final = timedelta(minutes=20)

PASSWORDS_BY_EMAIL: Final = Limit("password_by_email", attempts=10, seconds=900, guards_secret=True)
PASSWORDS_BY_ADDRESS: Final = Limit("password_by_address", attempts=50, seconds=900, guards_secret=True)


class Person(Base):
    """Somebody who can sign in; ``email`` is lower case; without a password they sign in by mail."""

    __tablename__ = "people"
    __table_args__ = (
        UniqueConstraint("email"),
        CheckConstraint(
            "email = lower(email) AND char_length(email) BETWEEN 3 AND 254", name="email_is_lower_case"
        ),
        CheckConstraint("locale IN ('fr', 'en')", name="locale"),
    )

    person_id: Mapped[PersonId] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    email: Mapped[str]
    password_hash: Mapped[str | None]
    password_changed_at: Mapped[datetime | None]
    locale: Mapped[str] = mapped_column(server_default="fr")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class WrongPassword(Refusal):
    """The address and the password do not go together; which of them is wrong is not said."""

    status = 422
    code = "wrong_password"
    message = N_(
        "Cette adresse et ce mot de passe ne vont pas ensemble. "
        "Vérifiez-les, ou demandez un lien par courriel."
    )
    default_field = "password"


class WrongCurrentPassword(Refusal):
    """The present password was not given, or is another."""

    status = 422
    code = "wrong_current_password"
    message = N_("Ce n'est pas votre mot de passe actuel.")
    default_field = "current_password"


class ComeByMail(Refusal):
    """The person has no password, and this sign-in did not come from their mailbox a moment ago."""

    status = 403
    code = "come_by_mail"
    message = N_(
        "Vous n'avez pas de mot de passe : pour que nous sachions que c'est vous, déconnectez-vous et revenez "
        "par un lien reçu par courriel."
    )


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of an e-mail address before its person has shown who they are."""

    person_id: PersonId | None
    password_hash: str | None
    locale: str | None


async def find_person(db: AsyncSession, *, email: str) -> Found:
    """Find the one person of an address; a page must never say whether there is one."""
    row = (await db.execute(text("SELECT * FROM find_person(:email)"), {"email": plain_email(email)})).one()
    return Found(*row)


def plain_email(email: str) -> str:
    """The address as it is stored and compared."""
    return email.strip().lower()


async def create_person(
    db: AsyncSession, *, email: str, locale: str, password_hash: str | None = None
) -> PersonId:
    """Write down a person whose mailbox was just shown to be theirs; the transaction then works for them.

    Whoever was faster with the same address is that person.
    """
    person_id = PersonId((await db.execute(select(func.uuidv7()))).scalar_one())
    await work_for(db, tenant=db.info.get("tenant"), person=person_id)
    statement = insert(Person).values(
        person_id=person_id,
        email=plain_email(email),
        locale=locale if locale in LOCALES else "fr",
        password_hash=password_hash,
        password_changed_at=func.now() if password_hash else None,
    )
    written = await db.execute(
        statement.on_conflict_do_nothing(index_elements=["email"]).returning(Person.person_id)
    )
    if written.one_or_none() is None:
        faster = (await find_person(db, email=email)).person_id
        assert faster is not None, "the address that was taken has a person"
        person_id = faster
        await work_for(db, tenant=db.info.get("tenant"), person=person_id)
    return person_id


async def me(db: AsyncSession, *, person_id: PersonId) -> Person:
    """The person of this transaction. Raises NotFound for anybody else."""
    person = await db.scalar(
        select(Person).where(Person.person_id == person_id).execution_options(populate_existing=True)
    )
    if person is None:
        raise NotFound
    return person


async def sign_in_with_password(
    db: AsyncSession,
    throttle: Throttle,
    *,
    email: str,
    password: str,
    user_agent: str = "",
    address: str = "",
) -> Opened:
    """Sign in by e-mail and password. Takes as long, and refuses alike, when nobody has that address.

    Raises WrongPassword; TooManyAttempts after 10 tries of one address or 50 from one network address in
    a quarter of an hour.
    """
    email = plain_email(email)
    await throttle.attempt(PASSWORDS_BY_ADDRESS, subscriber_of(address))
    await throttle.attempt(PASSWORDS_BY_EMAIL, email)
    found = await find_person(db, email=email)
    if not await is_password(password, found.password_hash) or found.person_id is None:
        raise WrongPassword
    opened = await enter(
        db, person_id=found.person_id, method=SignInMethod.PASSWORD, user_agent=user_agent, address=address
    )
    assert found.password_hash is not None, "a password that matches has a hash"
    if renewed := await renewed_hash(password, found.password_hash):
        await db.execute(
            update(Person).where(Person.person_id == found.person_id).values(password_hash=renewed)
        )
    await throttle.forget(PASSWORDS_BY_EMAIL, email)
    return opened


async def change_password(
    db: AsyncSession,
    throttle: Throttle,
    *,
    person_id: PersonId,
    sign_in_id: UUID,
    new_password: str,
    current_password: str | None = None,
    seal: Seal | None = None,
    code: str | None = None,
) -> int:
    """Set the password and sign every other browser out; return how many there were.

    The current one is asked for, unless this sign-in came from the mailbox within 20 minutes, and always a fresh
    ``code`` of the second factor, if they have one. Raises WrongCurrentPassword, ComeByMail, CodeNeeded, WrongCode, PasswordTooShort, PasswordTooEasy (on ``new_password``), and TooManyAttempts, for a
    browser left open must not become a place to guess the password at leisure.
    """
    person = await must_be_themselves(
        db,
        throttle,
        person_id=person_id,
        sign_in_id=sign_in_id,
        current_password=current_password,
        seal=seal,
        code=code,
    )
    hashed = await hash_password(new_password, email=person.email, field="new_password")
    await db.execute(
        update(Person)
        .where(Person.person_id == person_id)
        .values(password_hash=hashed, password_changed_at=func.now())
    )
    return await revoke_other_sign_ins(db, person_id=person_id, keep=sign_in_id)


async def must_be_themselves(
    db: AsyncSession,
    throttle: Throttle,
    *,
    person_id: PersonId,
    sign_in_id: UUID,
    current_password: str | None,
    seal: Seal | None = None,
    code: str | None = None,
) -> Person:
    """Make sure that the person is still at this browser: they came by mail just now, or know their password.

    Whoever has a second factor shows a fresh code as well. Returns who they are. Raises WrongCurrentPassword,
    ComeByMail, CodeNeeded, WrongCode, TooManyAttempts.
    """
    person = await me(db, person_id=person_id)
    if not await came_by_mail_just_now(db, person_id=person_id, sign_in_id=sign_in_id):
        if not person.password_hash:
            # Else whoever finds a browser left open could take the account, or lock its owner out of it.
            raise ComeByMail
        await throttle.attempt(PASSWORDS_BY_EMAIL, person.email)
        if not current_password or not await is_password(current_password, person.password_hash):
            raise WrongCurrentPassword
    await must_show_code(db, throttle, seal=seal, person_id=person_id, code=code)
    return person


async def came_by_mail_just_now(db: AsyncSession, *, person_id: PersonId, sign_in_id: UUID | None) -> bool:
    """Whether this sign-in showed, within 20 minutes, that the mailbox is theirs."""
    query = select(SignIn.id).where(
        SignIn.person_id == person_id,
        SignIn.id == sign_in_id,
        SignIn.method != SignInMethod.PASSWORD,
        SignIn.created_at > func.now() - RECENT,
    )
    return await db.scalar(query) is not None


async def change_locale(db: AsyncSession, *, person_id: PersonId, locale: str) -> None:
    """Choose the language of pages and mails: ``fr`` or ``en``."""
    assert locale in LOCALES, "the form offers the languages we speak"
    await db.execute(update(Person).where(Person.person_id == person_id).values(locale=locale))


@dataclass(frozen=True, slots=True)
class MyMembership:
    """A place of the signed-in person in one cooperative."""

    tenant_id: UUID
    slug: str
    name: str
    accent: str
    membership_id: UUID
    display_name: str
    state: str
    joined_at: datetime | None
    # When one that they have left will be forgotten, if that was asked.
    erasure_due_at: datetime | None


async def my_memberships(db: AsyncSession) -> Sequence[MyMembership]:
    """List the cooperatives of the person for whom this transaction was opened."""
    return [MyMembership(*row) for row in await db.execute(text("SELECT * FROM my_memberships()"))]
