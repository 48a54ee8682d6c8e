"""How are many rows looked up or written in one statement, on both databases."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any, TypeVar

import orjson
from sqlalchemy import ColumnElement, Connection, Dialect, Table, Text, TextClause, TypeDecorator, bindparam
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.dml import ValuesBase
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

T = TypeVar("T")
Row = Mapping[str, Any]

CHUNK = 500
"""Values in one IN list: well below every database's limit, and one plan for all full lists."""


def chunks(values: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """The values in lists of at most `size`."""
    rest = iter(values)
    while part := list(islice(rest, size)):
        yield part


class Several(TypeDecorator[Any]):
    """Many values of a column's type as one parameter."""

    impl = Text
    cache_ok = True

    def __init__(self, of: TypeEngine[Any]) -> None:
        super().__init__()
        self.of = of

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """An array where the database knows them, else JSON."""
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else postgresql.ARRAY(self.of))

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Any iterable. A text with a NUL, which is found in neither database, is refused."""
        if dialect.name != "sqlite":
            return list(value)
        text = orjson.dumps(list(value)).decode()
        if "\\u0000" in text:
            raise ValueError("no database holds a text with a NUL sign")
        return text


class among(FunctionElement[Any]):  # noqa: N801 - it reads as what it says in a statement
    """A column's value is among those of the parameter `values`, however many they are: always the same statement."""

    inherit_cache = True
    name = "among"

    def __init__(self, column: ColumnElement[Any]) -> None:
        super().__init__(column, bindparam("values", type_=Several(column.type)))


@compiles(among, "sqlite")
def _among_json(element: among, compiler: Any, **options: Any) -> str:
    column, values = (compiler.process(part, **options) for part in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608 - both were compiled


@compiles(among)
def _among_array(element: among, compiler: Any, **options: Any) -> str:
    column, values = (compiler.process(part, **options) for part in element.clauses)
    return f"{column} = ANY ({values})"


def plain(row: Any) -> dict[str, Any]:
    """The columns of a row by name; SQLAlchemy's names are more than texts, and JSON takes texts alone."""
    return {str(name): value for name, value in row._mapping.items()}


def insert(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows, which share their keys."""
    if rows:
        _run(connection, _insertion(connection.dialect, table, tuple(rows[0])), rows)


def insert_new(
    connection: Connection, table: Table, rows: Sequence[Row], on: Sequence[str], where: TextClause | None = None
) -> None:
    """Insert what is not there yet; a row whose `on` columns exist (among those that fit `where`) is left alone."""
    if rows:
        _run(connection, _new_insertion(connection.dialect, table, tuple(rows[0]), tuple(on), where), rows)


def upsert(connection: Connection, table: Table, rows: Sequence[Row], on: Sequence[str]) -> None:
    """Insert, or overwrite every given column of the row whose `on` columns are the same. Rows share their keys."""
    if rows:
        _run(connection, _upsertion(connection.dialect, table, tuple(rows[0]), tuple(on)), rows)


def renew(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Overwrite every given column of the rows with these `id`. Rows share their keys."""
    if rows:
        _run(connection, _renewal(connection.dialect, table, tuple(rows[0])), rows)


# A statement is prepared once, and its rows are given to the driver as they are: what SQLAlchemy does for each row of
# an executemany costs several times what the database does for it.


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A statement as the driver takes it: the names of its values in order, each with what makes it a driver's value."""

    text: str
    values: tuple[tuple[str, Any], ...]
    by_name: bool


def _run(connection: Connection, prepared: _Prepared, rows: Sequence[Row]) -> None:
    columns = [
        [process(row[name]) for row in rows] if process is not None else [row[name] for row in rows]
        for name, process in prepared.values
    ]
    parameters: list[Any] = list(zip(*columns, strict=True))
    if prepared.by_name:
        names = [name for name, _ in prepared.values]
        parameters = [dict(zip(names, values, strict=True)) for values in parameters]
    connection.exec_driver_sql(prepared.text, parameters)


def _prepare(dialect: Dialect, statement: ValuesBase, columns: Sequence[str]) -> _Prepared:
    compiled: Any = statement.compile(dialect=dialect, column_keys=columns)
    values = tuple(
        (name, compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect))
        for name in compiled.positiontup or compiled.binds
    )
    return _Prepared(str(compiled), values, by_name=not compiled.positional)


def _insert(dialect: Dialect, table: Table) -> Any:
    return sqlite.insert(table) if dialect.name == "sqlite" else postgresql.insert(table)


@lru_cache(maxsize=256)
def _insertion(dialect: Dialect, table: Table, columns: tuple[str, ...]) -> _Prepared:
    return _prepare(dialect, _insert(dialect, table), columns)


@lru_cache(maxsize=256)
def _new_insertion(
    dialect: Dialect, table: Table, columns: tuple[str, ...], on: tuple[str, ...], where: TextClause | None
) -> _Prepared:
    statement = _insert(dialect, table).on_conflict_do_nothing(index_elements=on, index_where=where)
    return _prepare(dialect, statement, columns)


@lru_cache(maxsize=256)
def _upsertion(dialect: Dialect, table: Table, columns: tuple[str, ...], on: tuple[str, ...]) -> _Prepared:
    statement = _insert(dialect, table)
    changed = {name: statement.excluded[name] for name in columns if name not in on}
    return _prepare(dialect, statement.on_conflict_do_update(index_elements=on, set_=changed), columns)


@lru_cache(maxsize=256)
def _renewal(dialect: Dialect, table: Table, columns: tuple[str, ...]) -> _Prepared:
    statement = table.update().where(table.c.id == bindparam("id"))
    return _prepare(dialect, statement, [name for name in columns if name != "id"])
