"""How long each kind of record is kept: the table that the README shows, and that jobs obey.

A row with ``over`` is swept every hour (``retention``). The others say who else ends them, or that nobody does. This
file must never let anything go that a person or a cooperative would still look for.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One kind of record: ``what`` it is, ``how_long`` it is kept (both in English), and in which ``tables``.

    ``after`` is counted from when a record is of no more use: ``over`` is the condition, in SQL, that finds those
    which have been so for ``:kept``, at most ``:most`` at once.
    """

    what: str
    how_long: str
    tables: tuple[str, ...]
    after: timedelta | None = None
    over: str = ""

    @property
    def row(self) -> str:
        """The row of the README."""
        where = ", ".join(f"`{table}`" for table in self.tables) or "Valkey"
        return f"| {self.what} | {self.how_long} | {where} |"


A_DAY: Final = timedelta(days=1)
A_MONTH: Final = timedelta(days=30)
A_YEAR: Final = timedelta(days=365)
COOPERATIVE: Final = "as long as the cooperative"

RETENTION: Final = (
    Kept(
        what="events that everybody heard (the others stay, however old)",
        how_long="30 days",
        tables=("outbox",),
        after=A_MONTH,
        over="""
            ctid IN (SELECT ctid FROM outbox WHERE emitted_at < now() - CAST(:kept AS interval) AND due_at IS NULL
                     LIMIT :most FOR UPDATE SKIP LOCKED)
        """,
    ),
    Kept(
        what="answers to idempotency keys",
        how_long="30 days",
        tables=("idempotency_keys",),
        after=A_MONTH,
        over="""
            ctid IN (SELECT ctid FROM idempotency_keys WHERE created_at < now() - CAST(:kept AS interval)
                     LIMIT :most FOR UPDATE SKIP LOCKED)
        """,
    ),
    # Of a sign-in, a link or a token the role of the sweep may read the times alone, and lock nothing.
    Kept(
        what="sign-ins that ended, with two words for the browser and the network it came from",
        how_long="30 days after their end",
        tables=("sign_ins",),
        after=A_MONTH,
        over="""
            id IN (SELECT id FROM sign_ins WHERE least(expires_at, revoked_at) < now() - CAST(:kept AS interval)
                   LIMIT :most)
        """,
    ),
    Kept(
        what="links to sign in, asked for by mail",
        how_long="1 day after they expired, which takes 20 minutes",
        tables=("mail_links",),
        after=A_DAY,
        over="""
            id IN (SELECT id FROM mail_links WHERE expires_at < now() - CAST(:kept AS interval) LIMIT :most)
        """,
    ),
    Kept(
        what="sign-ins that wait for their second factor",
        how_long="1 day after they expired",
        tables=("half_sign_ins",),
        after=A_DAY,
        over="""
            id IN (SELECT id FROM half_sign_ins WHERE expires_at < now() - CAST(:kept AS interval) LIMIT :most)
        """,
    ),
    Kept(
        what="requests to join, answered or not",
        how_long="1 day after they expired",
        tables=("join_requests",),
        after=A_DAY,
        over="""
            ctid IN (SELECT ctid FROM join_requests WHERE expires_at < now() - CAST(:kept AS interval)
                     LIMIT :most FOR UPDATE SKIP LOCKED)
        """,
    ),
    Kept(
        what="API tokens that expired or were revoked, by their hash alone",
        how_long="365 days after their end",
        tables=("api_tokens",),
        after=A_YEAR,
        over="""
            (tenant_id, id) IN (SELECT tenant_id, id FROM api_tokens
                                WHERE least(expires_at, revoked_at) < now() - CAST(:kept AS interval) LIMIT :most)
        """,
    ),
    Kept(
        what="notices, read or not",
        how_long="365 days",
        tables=("notices",),
        after=A_YEAR,
        over="""
            ctid IN (SELECT ctid FROM notices WHERE created_at < now() - CAST(:kept AS interval)
                     LIMIT :most FOR UPDATE SKIP LOCKED)
        """,
    ),
    Kept(
        what="that somebody was erased, when, and under which pseudonym",
        how_long="365 days after it was done",
        tables=("erasures",),
        after=A_YEAR,
        over="""
            ctid IN (SELECT ctid FROM erasures WHERE done_at < now() - CAST(:kept AS interval)
                     LIMIT :most FOR UPDATE SKIP LOCKED)
        """,
    ),
    Kept(
        what="counts of attempts, under keyed digests of addresses",
        how_long="at most 1 hour",
        tables=(),
    ),
    Kept(
        what="invitations that nobody answered",
        how_long="until a manager withdraws them; their links are good for 14 days",
        tables=("invitations",),
    ),
    Kept(
        what="files brought for an import",
        how_long="their content until the import is over, a week at most; counts and fingerprint as long as the cooperative",
        tables=("imports",),
    ),
    Kept(
        what="by what imported people and exchanges are known when their file comes again: a hash",
        how_long=COOPERATIVE,
        tables=("imported_members", "imported_exchanges"),
    ),
    Kept(
        what="names and contacts of members, until a pseudonym replaces them",
        how_long=(
            "as long as they are members; then until they ask, or as the rule `tenants.former_members_days` says "
            "(3 years at first); at most 30 days to change their mind"
        ),
        tables=("memberships",),
    ),
    Kept(
        what="addresses to sign in with, passwords (hashed), second factors",
        how_long="until the person asks to be forgotten",
        tables=("people",),
    ),
    Kept(
        what="missions, bids, agreements, deliveries, disputes and what else members wrote to each other",
        how_long=f"{COOPERATIVE}, under the pseudonym once erased",
        tables=("missions", "bids", "agreements", "deliveries", "disputes"),
    ),
    Kept(
        what="audit trail: who did what, by ids, without texts",
        how_long=COOPERATIVE,
        tables=("audit_entries",),
    ),
    Kept(
        what="ledger: accounts and transfers, with reasons",
        how_long=f"{COOPERATIVE}; nothing in it ever changes, only the names beside it",
        tables=("accounts", "transfers"),
    ),
    Kept(
        what="register: decisions, without personal data",
        how_long="for ever; the salts that could tie a line to somebody go with their name",
        tables=("register_lines", "register_salts"),
    ),
)
"""Invoices are not written yet: the law will keep them ten years (code de commerce, L123-22), erased person or not."""
