"""How are many rows looked up or written in one statement, on both databases."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, TextClause
from sqlalchemy.dialects import postgresql, sqlite

T = TypeVar("T")
Row = Mapping[str, Any]

CHUNK = 500
"""Values in one IN list: well below every database's limit, and one plan for all full lists."""


def chunks(values: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """The values in lists of at most `size`."""
    rest = iter(values)
    while part := list(islice(rest, size)):
        yield part


def plain(row: Any) -> dict[str, Any]:
    """The columns of a row by name; SQLAlchemy's names are more than texts, and JSON takes texts alone."""
    return {str(name): value for name, value in row._mapping.items()}


def _insert(connection: Connection, table: Table) -> Any:
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


def insert_new(
    connection: Connection, table: Table, rows: Sequence[Row], on: Sequence[str], where: TextClause | None = None
) -> None:
    """Insert what is not there yet; a row whose `on` columns exist (among those that fit `where`) is left alone."""
    if rows:
        statement = _insert(connection, table).on_conflict_do_nothing(index_elements=on, index_where=where)
        connection.execute(statement, list(rows))


def upsert(connection: Connection, table: Table, rows: Sequence[Row], on: Sequence[str]) -> None:
    """Insert, or overwrite every given column of the row whose `on` columns are the same. Rows share their keys."""
    if rows:
        statement = _insert(connection, table)
        changed = {name: statement.excluded[name] for name in rows[0] if name not in on}
        connection.execute(statement.on_conflict_do_update(index_elements=on, set_=changed), list(rows))
