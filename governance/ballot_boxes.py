"""The ballots of a vote from the database straight into the boxes that the count reads: fast, and without voters.

PostgreSQL puts all marks of a college into one text, which is read at once: a hundred thousand ballots take a fraction
of a second, where a row each takes several. This file must never count, nor tell a ballot from another.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from sqlalchemy import and_, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from governance.ballots import Ballot
from governance.counting.contest import EVERYBODY, Boxes
from governance.rolls import Elector
from governance.votes import Vote, VoteMethod, VoteOption

_FIELDS = {VoteMethod.MAJORITY: "choice", VoteMethod.JUDGMENT: "grades", VoteMethod.SCHULZE: "ranks"}


async def boxes_in(db: AsyncSession, vote: Vote, options: Sequence[VoteOption]) -> Boxes:
    """Equal ballots together, by college; a mark per option, 0 for none."""
    field = _FIELDS[vote.method]
    nothing = "0" if vote.method is VoteMethod.MAJORITY else "{}"
    texts = func.string_agg(func.coalesce(Ballot.marks[field].astext, nothing), ",")
    of_vote = and_(
        Elector.tenant_id == Ballot.tenant_id,
        Elector.vote_id == Ballot.vote_id,
        Elector.membership_id == Ballot.membership_id,
    )
    query = (
        select(Elector.college_id, texts)
        .select_from(Ballot)
        .join(Elector, of_vote)
        .where(Ballot.tenant_id == vote.tenant_id, Ballot.vote_id == vote.id)
        .group_by(Elector.college_id)
    )
    by_college = bool(vote.frozen_policy.colleges)
    reads = _choices if vote.method is VoteMethod.MAJORITY else _orders
    boxes: dict[str, Counter[bytes]] = {}
    for college, text in await db.execute(query):
        boxes.setdefault(str(college) if by_college else EVERYBODY, Counter()).update(reads(text, options))
    return boxes


def _choices(text: str, options: Sequence[VoteOption]) -> Counter[bytes]:
    chosen = Counter(msgspec.json.decode(f"[{text}]", type=list[int]))
    return Counter({bytes(int(one.number == number) for one in options): n for number, n in chosen.items()})


def _orders(text: str, options: Sequence[VoteOption]) -> Counter[bytes]:
    marks = _marks_by_number(options)
    rows = msgspec.json.Decoder(list[marks]).decode(f"[{text}]")  # type: ignore[valid-type]
    as_tuple: Callable[[Any], tuple[int, ...]] = msgspec.structs.astuple
    return Counter(map(bytes, map(as_tuple, rows)))


def _marks_by_number(options: Sequence[VoteOption]) -> type[msgspec.Struct]:
    """A Struct with a field per option, in their order, named in the text by its number."""
    fields = [(f"of_{one.number}", int, msgspec.field(name=str(one.number), default=0)) for one in options]
    return msgspec.defstruct("MarksByNumber", fields, gc=False)
