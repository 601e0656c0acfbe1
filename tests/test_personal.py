"""No table forgets that it knows people: each is declared, with what exporting and erasing do with it.

A new table is found without being named here.
"""

import re
from collections.abc import Iterator

import pytest
from sqlalchemy import ARRAY, Column, Enum, LargeBinary, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

import marketplace.switchboard  # noqa: F401 (every table and every declaration)
from tenants.personal import HOLDINGS, Fate, Holding
from tenants.platform.database import Base

# A column of one of these names is about somebody, with a foreign key or without.
NAMES = re.compile(r"(person|membership|actor|author|member)(_id)?|.*_by|.*(email|phone|display_name).*")
SECRETS = re.compile(r"hash|salt|secret|password$|token|code")
# Tables that name somebody and know nothing of them, each with the reason.
NOBODY = {
    "outbox": "ids and facts only, gone after 30 days",
}

TABLES = {table.name: table for table in Base.metadata.tables.values()}


def about_people(table: Table) -> bool:
    """Whether a column names a member or a person."""
    return any(
        NAMES.fullmatch(column.name)
        or any(key.column.table.name in {"memberships", "people"} for key in column.foreign_keys)
        for column in table.columns
    )


def declared(name: str) -> list[Holding]:
    return [one for one in HOLDINGS if one.table == name]


def written_columns(table: Table) -> Iterator[Column[object]]:
    """The columns in which somebody may have written something: no states, numbers, dates or ids."""
    for column in table.columns:
        inner = column.type.item_type if isinstance(column.type, ARRAY) else column.type
        if isinstance(inner, (Text, JSONB, LargeBinary)) and not isinstance(inner, Enum):
            yield column


PEOPLED = sorted(name for name, table in TABLES.items() if about_people(table) and name not in NOBODY)


def test_what_is_declared_exists() -> None:
    assert len(PEOPLED) > 15
    assert {one.table for one in HOLDINGS} <= set(TABLES)


@pytest.mark.parametrize("name", PEOPLED)
def test_every_table_that_names_somebody_says_what_export_and_erasure_do_with_it(name: str) -> None:
    found = declared(name)
    assert found, f"declare {name} with tenants.personal.holds"
    columns = TABLES[name].columns
    for one in found:
        assert set(one.mine) | set(one.changes) | set(one.stays) <= set(columns.keys()) | {"account_id"}
        if not one.source:
            assert set(one.exported) <= set(columns.keys())
    if any(one.fate is Fate.DELETED for one in found):
        return
    cared_for = {column for one in found for column in (*one.changes, *one.stays)}
    left = {column.name for column in written_columns(TABLES[name])} - cared_for
    assert not left, f"{name}: does erasing change {left}, or do they stay?"


@pytest.mark.parametrize("name", PEOPLED)
def test_no_secret_leaves(name: str) -> None:
    for one in declared(name):
        for column in one.exported:
            assert not SECRETS.search(column), f"{name}.{column}"
            if not one.source:
                assert not isinstance(TABLES[name].columns[column].type, LargeBinary), f"{name}.{column}"


def test_a_table_that_declares_nothing_would_be_found() -> None:
    forgotten = Table("forgotten", Base.metadata.__class__(), Column("author_id"), Column("text", Text()))
    assert about_people(forgotten)
    assert not declared("forgotten")
    assert [column.name for column in written_columns(forgotten)] == ["text"]
