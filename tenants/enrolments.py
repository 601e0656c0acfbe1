"""Enrolments: how a person takes a second factor, renews its recovery codes, and gives it up.

Beginning asks for the password, and the factor counts only after a first code has shown that the telephone has it, in
the browser that began. This file must never show a secret again once it is confirmed.
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

import pyotp
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.mail_links import MailLinkPurpose, mail_news
from tenants.people import me, must_be_themselves
from tenants.platform.errors import Refusal
from tenants.platform.ids import PersonId
from tenants.platform.sealing import Seal
from tenants.platform.throttle import Throttle
from tenants.platform.words import N_
from tenants.second_factors import (
    RecoveryCode,
    SecondFactor,
    check_code,
    is_enrolled,
    open_secret,
    write_recovery_codes,
)
from tenants.sign_ins import revoke_other_sign_ins

ISSUER: Final = "Archipel"


class SecondFactorThere(Refusal):
    """The person has a second factor already."""

    code = "second_factor_there"
    message = N_("Vous avez déjà un second facteur. Désactivez-le d'abord pour changer de téléphone.")


class NoSecondFactor(Refusal):
    """There is no second factor to confirm, renew or give up."""

    code = "no_second_factor"
    message = N_("Vous n'avez pas (ou plus) de second facteur en cours : commencez par l'activer.")


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What the telephone takes: the secret in base32, to be typed, and the same as an address, to be pictured."""

    secret: str
    uri: str


async def begin_second_factor(
    db: AsyncSession,
    throttle: Throttle,
    *,
    seal: Seal,
    person_id: PersonId,
    sign_in_id: UUID,
    current_password: str | None = None,
) -> Enrolment:
    """Make a secret for the person's telephone; it counts once ``confirm_second_factor`` was shown a code.

    Begun again, here or in another browser, the newer secret stands. Raises SecondFactorThere, WrongCurrentPassword, TooManyAttempts.
    """
    if await is_enrolled(db, person_id=person_id):
        raise SecondFactorThere
    await must_be_themselves(
        db, throttle, person_id=person_id, sign_in_id=sign_in_id, current_password=current_password
    )
    secret = pyotp.random_base32()
    sealed = seal.close(secret.encode(), owner=person_id.bytes)
    statement = insert(SecondFactor).values(person_id=person_id, secret=sealed, sign_in_id=sign_in_id)
    await db.execute(
        statement.on_conflict_do_update(
            index_elements=["person_id"],
            set_={
                "secret": sealed,
                "sign_in_id": sign_in_id,
                "created_at": func.now(),
                "last_counter": 0,
            },
            where=SecondFactor.confirmed_at.is_(None),
        )
    )
    return await _enrolment(db, person_id, secret)


async def begun_second_factor(
    db: AsyncSession, *, seal: Seal, person_id: PersonId, sign_in_id: UUID
) -> Enrolment | None:
    """The enrolment that this sign-in began and that waits for its first code, for half an hour; None without one."""
    query = select(SecondFactor.secret).where(
        SecondFactor.person_id == person_id,
        SecondFactor.sign_in_id == sign_in_id,
        SecondFactor.confirmed_at.is_(None),
        SecondFactor.created_at > func.now() - text("interval '30 minutes'"),
    )
    sealed = await db.scalar(query)
    secret = open_secret(seal, person_id, sealed) if sealed else None
    return await _enrolment(db, person_id, secret) if secret else None


async def confirm_second_factor(
    db: AsyncSession, throttle: Throttle, *, seal: Seal, person_id: PersonId, sign_in_id: UUID, code: str
) -> list[str]:
    """Show that the telephone has the secret; return the recovery codes, which are never shown again.

    Only the sign-in that began it may. Every other browser, which had shown one factor only, is signed out. Raises NoSecondFactor, WrongCode,
    TooManyAttempts.
    """
    if await begun_second_factor(db, seal=seal, person_id=person_id, sign_in_id=sign_in_id) is None:
        raise NoSecondFactor
    await check_code(db, throttle, seal=seal, person_id=person_id, code=code)
    statement = update(SecondFactor).where(
        SecondFactor.person_id == person_id,
        SecondFactor.sign_in_id == sign_in_id,
        SecondFactor.confirmed_at.is_(None),
    )
    done = statement.values(confirmed_at=func.now(), sign_in_id=None)
    confirmed = await db.execute(done.returning(SecondFactor.person_id))
    if confirmed.one_or_none() is None:
        raise NoSecondFactor
    await revoke_other_sign_ins(db, person_id=person_id, keep=sign_in_id)
    return await write_recovery_codes(db, person_id=person_id)


async def renew_recovery_codes(
    db: AsyncSession, throttle: Throttle, *, seal: Seal, person_id: PersonId, code: str
) -> list[str]:
    """Get ten new recovery codes for a fresh code; the former ones are worth nothing any more.

    Raises NoSecondFactor, WrongCode, TooManyAttempts.
    """
    if not await is_enrolled(db, person_id=person_id):
        raise NoSecondFactor
    await check_code(db, throttle, seal=seal, person_id=person_id, code=code)
    return await write_recovery_codes(db, person_id=person_id)


async def disable_second_factor(
    db: AsyncSession,
    throttle: Throttle,
    *,
    seal: Seal,
    person_id: PersonId,
    sign_in_id: UUID,
    code: str,
    current_password: str | None = None,
) -> None:
    """Give the second factor up, for a fresh code and the password; the person is told by mail.

    Raises NoSecondFactor, WrongCurrentPassword, CodeNeeded, WrongCode, TooManyAttempts.
    """
    if not await is_enrolled(db, person_id=person_id):
        raise NoSecondFactor
    person = await must_be_themselves(
        db,
        throttle,
        person_id=person_id,
        sign_in_id=sign_in_id,
        current_password=current_password,
        seal=seal,
        code=code,
    )
    await db.execute(delete(SecondFactor).where(SecondFactor.person_id == person_id))
    await db.execute(delete(RecoveryCode).where(RecoveryCode.person_id == person_id))
    await mail_news(
        db,
        person_id=person_id,
        purpose=MailLinkPurpose.FACTOR_DISABLED,
        email=person.email,
        locale=person.locale,
    )


async def _enrolment(db: AsyncSession, person_id: PersonId, secret: str) -> Enrolment:
    email = (await me(db, person_id=person_id)).email
    return Enrolment(secret, pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=ISSUER))
