"""Do the migrations make the schema that the code was written for, whole or not at all?"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, inspect, text

import hub.store
from hub.errors import ConfigError
from hub.store import migrate
from hub.store.database import connect
from hub.store.schema import metadata

VERSIONS = Path(hub.store.__file__).parent / "migrations" / "versions"


def sqlite_catalog(engine: Engine) -> dict[str, str]:
    with engine.begin() as connection:
        rows = connection.execute(text("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL")).all()
    return {f"{kind} {name}": constraints_sorted(sql) for kind, name, sql in rows if name != "alembic_version"}


def constraints_sorted(sql: str) -> list[str]:
    """The text of a table, its constraints in an order of ours: theirs means nothing."""
    table, without_rowid, _ = " ".join(sql.split()).partition(" WITHOUT ROWID")
    return [*sorted(part.strip(" )") for part in re.split(r", (?=CONSTRAINT )", table)), without_rowid]


def postgresql_catalog(engine: Engine) -> dict[str, Any]:
    queries = {
        "column": """SELECT table_name || '.' || column_name, data_type, is_nullable, column_default, is_identity,
                     identity_generation FROM information_schema.columns WHERE table_schema = 'public'""",
        "index": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
        "constraint": """SELECT conrelid::regclass || '.' || conname, pg_get_constraintdef(oid) FROM pg_constraint
                         WHERE connamespace = 'public'::regnamespace AND contype <> 'n'""",
    }
    with engine.begin() as connection:
        return {
            f"{kind} {row[0]}": tuple(row[1:])
            for kind, query in queries.items()
            for row in connection.execute(text(query))
            if "alembic_version" not in row[0]
        }


def catalog(url: str) -> dict[str, Any]:
    engine = connect(url)
    try:
        return sqlite_catalog(engine) if engine.dialect.name == "sqlite" else postgresql_catalog(engine)
    finally:
        engine.dispose()


def tables(url: str) -> list[str]:
    engine = connect(url)
    try:
        return inspect(engine).get_table_names()
    finally:
        engine.dispose()


def test_the_sum_of_the_migrations_is_the_schema_on_sqlite(tmp_path: Path) -> None:
    one, other = (f"sqlite:///{tmp_path / name}" for name in ("migrated.db", "made.db"))
    migrate.upgrade(one)
    made = connect(other)
    metadata.create_all(made)
    made.dispose()
    assert catalog(one) == catalog(other)


@pytest.mark.postgresql
def test_the_sum_of_the_migrations_is_the_schema_on_postgresql(postgresql: Any) -> None:
    with postgresql.database() as one, postgresql.database() as other:
        migrate.upgrade(one)
        made = connect(other)
        metadata.create_all(made)
        made.dispose()
        assert catalog(one) == catalog(other)


def test_a_store_is_migrated_once(database_url: str) -> None:
    assert migrate.upgrade(database_url)
    assert not migrate.upgrade(database_url)


def test_head_is_the_newest_file() -> None:
    numbers = sorted(path.name[:4] for path in VERSIONS.glob("[0-9]*.py"))
    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]
    assert numbers[-1] == migrate.HEAD


def test_a_migration_that_breaks_off_leaves_nothing(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last table of the first migration cannot be made, because its name is taken."""
    engine = connect(database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE repairs (key INTEGER)"))
    engine.dispose()
    with pytest.raises(Exception, match="repairs"):
        migrate.upgrade(database_url)
    assert tables(database_url) == ["repairs"]


def test_a_store_of_a_newer_version_is_refused_in_a_sentence(database_url: str) -> None:
    migrate.upgrade(database_url)
    engine = connect(database_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(ConfigError, match=re.compile("newer version", re.DOTALL)):
        migrate.upgrade(database_url)
