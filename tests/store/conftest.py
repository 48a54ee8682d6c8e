"""What the tests of the store share: a store on each database."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.store.database import Database


@pytest.fixture
def store(store_url: str) -> Iterator[Database]:
    """A migrated, empty store; the test runs on SQLite and on PostgreSQL."""
    database = Database(store_url)
    yield database
    database.close()


@pytest.fixture
def sqlite_store(migrated_file: Path, tmp_path: Path) -> Iterator[Database]:
    """A migrated, empty store with the one writer that only SQLite has."""
    shutil.copy(migrated_file, tmp_path / "hub.db")
    database = Database(f"sqlite:///{tmp_path / 'hub.db'}")
    yield database
    database.close()
