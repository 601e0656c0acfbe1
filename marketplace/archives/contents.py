"""What an archive holds: which tables travel, which stay behind and why, and how the file is laid out.

The format (``archipel-tenant-1``). A ZIP file with ``manifest.json``, ``README.txt`` and ``tables/<table>.jsonl``, one row
of the table in JSON per line, in the order of its key and without the tenant's id. The manifest carries the SHA-256,
length and number of rows of every other file, the sums of the ledger and the end of the register. The **fingerprint**
of an archive is the SHA-256 of its manifest: whoever has it from the exporter by another way knows that nothing was
altered. This file must never let a password, a second factor, a token, a sign-in or a payment key into an archive.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

import msgspec
from sqlalchemy import Table, text

from marketplace import schema
from tenants.platform.processes import CannotRun

FORMAT: Final = "archipel-tenant-1"
MANIFEST: Final = "manifest.json"
README: Final = "README.txt"
MOST_BYTES: Final = 8 * 2**30
LONGEST_MANIFEST: Final = 2**20
LONGEST_LINE: Final = 64 * 2**20

# Every other table with a tenant_id travels; a test asks about each column that looks like a secret.
STAYS: Final = {
    "api_tokens": "tokens open doors: members make new ones",
    "idempotency_keys": "answers to requests that were made to the other installation",
    "invitations": "their links lead to the other installation: whoever had not answered is invited again",
    "join_requests": "strangers asked the other installation, and its links answer them",
    "outbox": "what had to be told was told there",
}
# Made again from the rest on arrival.
DERIVED: Final = ("mission_words", "mission_vocabulary", "member_words", "member_vocabulary")

# Instead of the column: whoever had a sign-in claims their membership anew, from their own mailbox.
INSTEAD: Final = {
    "memberships": {
        "person_id": "NULL::uuid",
        "new_contact_email": "NULL::text",
        "new_contact_email_hash": "NULL::bytea",
        "new_contact_email_until": "NULL::timestamptz",
        "awaits_claim": "state <> 'left' AND (person_id IS NOT NULL OR state = 'invited' OR awaits_claim)",
    },
    # A mail that had still to leave is read in the app: importing sends nothing.
    "notices": {"mailed_at": "coalesce(mailed_at, now())"},
}

# Secrets that are drawn anew on arrival.
ANEW: Final = {
    "notice_habits": {"digest_key": "decode(replace(gen_random_uuid()::text, '-', ''), 'hex')"},
}

LEDGER: Final = text("""
    SELECT unit, count(*) AS accounts, coalesce(sum(balance) FILTER (WHERE balance > 0), 0)::bigint AS above_zero,
           coalesce(sum(held), 0)::bigint AS held, sum(version)::bigint / 2 AS transfers,
           encode(sha256(convert_to(string_agg(concat_ws(' ', id, balance, held, version), ',' ORDER BY id), 'UTF8')), 'hex')
               AS digest
    FROM accounts WHERE tenant_id = :tenant GROUP BY unit ORDER BY unit
""")


class ArchiveRefused(CannotRun):
    """The archive is readable and must not be imported; the message says why."""


class ArchiveUnreadable(CannotRun):
    """The file is no archive of ours, or is broken."""


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """One file of the archive: ``rows`` is 0 for what is not a table."""

    name: str
    rows: int
    length_bytes: int
    sha256: str


class LedgerSum(msgspec.Struct, frozen=True, kw_only=True):
    """The ledger in one unit. ``digest`` covers id, balance, hold and version of every account."""

    unit: str
    accounts: int
    above_zero: int
    held: int
    transfers: int
    digest: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the archive says of itself."""

    format: str
    revision: str
    exported_at: str
    tenant_id: str
    slug: str
    name: str
    register_seq: int
    register_hash: str
    ledger: list[LedgerSum]
    contents: list[Content]


def fingerprint(manifest: bytes) -> str:
    """SHA-256 of the manifest as it stands in the file, in hexadecimal."""
    return hashlib.sha256(manifest).hexdigest()


def file_of(table: str) -> str:
    """The name of a table's file within the archive."""
    return f"tables/{table}.jsonl"


def travelling() -> Sequence[Table]:
    """The tables of an archive, each after those it refers to."""
    tables = schema.all_tables().sorted_tables
    return [one for one in tables if "tenant_id" in one.c and one.name not in {*STAYS, *DERIVED}]


def columns_of(table: Table) -> list[str]:
    """The columns that an archive holds of a table."""
    anew = ANEW.get(table.name, {})
    return [
        column.name
        for column in table.c
        if column.name != "tenant_id" and column.computed is None and column.name not in anew
    ]
