"""The ids of a cooperative, and the addresses of an operation or page that they fill in.

This file must never know a page or an operation of ours, but for what the parts of their addresses name.
"""

import re
from collections.abc import Collection, Iterable
from uuid import UUID

from sqlalchemy import text

from tests.conftest import OpenAs
from tests.factories import Founded

PARAMETER = re.compile(r"{([^}:]+)(?::[^}]+)?}")
AT_MOST = 4
TABLES = {
    "account_id": "accounts",
    "assembly_id": "assemblies",
    "circle_id": "circles",
    "circle_mandate_id": "circle_mandates",
    "college_id": "colleges",
    "delegation_id": "delegations",
    "entry_id": "third_party_entries",
    "import_id": "imports",
    "invitation_id": "invitations",
    "letter_id": "paper_letters",
    "mandate_id": "mandates",
    "membership_id": "memberships",
    "message_id": "messages",
    "mission_id": "missions",
    "notice_id": "notices",
    "objection_id": "objections",
    "proof_id": "proofs",
    "proposal_id": "proposals",
    "report_id": "reports",
    "review_id": "reviews",
    "search_id": "saved_searches",
    "skill_id": "skills",
    "token_id": "api_tokens",
    "transfer_id": "transfers",
    "vote_id": "votes",
    "write_off_id": "write_offs",
}
"""In which table stands what a part of an address names."""
OF_MISSIONS = {"amendment_id": "amendments", "bid_id": "bids", "thread_id": "messages"}
"""What is found under a mission, by that mission and its own id."""


class Ids(dict[str, list[UUID]]):
    """Every id of a cooperative, by table; and in ``pairs`` what is found under a mission, with the mission."""

    def __init__(self) -> None:
        super().__init__()
        self.pairs: dict[str, list[tuple[UUID, UUID]]] = {}

    def one_of_each(self) -> list[str]:
        """The first id of every table."""
        return [str(one) for ids in self.values() for one in ids[:1]]


async def ids_of(db_as: OpenAs, home: Founded, always: Collection[UUID] = ()) -> Ids:
    """The ids of a cooperative: of each table AT_MOST spread over time, one in every state, and those in ``always``."""
    found = Ids()
    async with db_as("postgres") as db:
        tables = await db.scalars(
            text("""
                SELECT c.relname FROM pg_class c
                WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
                  AND has_table_privilege(c.oid, 'SELECT')
                  AND (SELECT count(*) FROM pg_attribute a WHERE a.attrelid = c.oid
                       AND (a.attname = 'tenant_id' OR a.attname = 'id' AND a.atttypid = 'uuid'::regtype)) = 2
                """)
        )
        for table in tables.all():
            rows = await db.execute(
                text(f"""
                    SELECT id, to_jsonb(one) ->> 'state' FROM "{table}" AS one WHERE tenant_id = :tenant ORDER BY id
                    """),
                {"tenant": home.tenant_id},
            )
            states = {row[0]: row[1] for row in rows}
            every = list(states)
            some = {
                *every[:: len(every) // AT_MOST + 1],
                *{state: one for one, state in states.items()}.values(),
            }
            found[table] = [one for one in every if one in some or one in always]
        for name, table in OF_MISSIONS.items():
            own = name if name == "thread_id" else "id"
            pairs = await db.execute(
                text(
                    f'SELECT DISTINCT mission_id, {own} FROM "{table}" WHERE tenant_id = :tenant ORDER BY 2'
                ),
                {"tenant": home.tenant_id},
            )
            found.pairs[name] = [(row[0], row[1]) for row in pairs]
    return found


def table_of(path: str, parameter: str) -> str:
    """Where the ids of a part of this address are kept ("": nowhere that is known)."""
    if parameter == "request_id":
        return "join_requests" if "join-requests" in path else "pot_requests"
    return TABLES.get(parameter, "")


def of_their_kind(path: str, ids: Ids) -> list[str]:
    """The addresses that a pattern makes with the ids of the kind that each part names."""
    parameters = PARAMETER.findall(path)
    if not parameters:
        return [path]
    if len(parameters) == 2 and parameters[0] == "mission_id" and parameters[1] in OF_MISSIONS:
        return [_filled(path, pair) for pair in ids.pairs[parameters[1]]]
    return [_filled(path, (one,) * len(parameters)) for one in ids.get(table_of(path, parameters[0]), [])]


def _filled(path: str, values: Iterable[UUID]) -> str:
    for value in values:
        path = PARAMETER.sub(str(value), path, count=1)
    return path


def every_address(path: str, ids: Ids) -> list[str]:
    """The same with an id of every other kind too: what is known under one address is asked for under another."""
    if not PARAMETER.search(path):
        return [path]
    others = [PARAMETER.sub(one, path) for one in ids.one_of_each()]
    return list(dict.fromkeys(of_their_kind(path, ids) + others))
