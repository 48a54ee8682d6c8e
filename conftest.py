"""What do the tests of the hub and of every plugin share? The fixtures named here."""

from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from tests import postgres

# A shared machine is slow at times: an example's duration says nothing. The seed of a failure is printed.
hypothesis.settings.register_profile("hub", deadline=None, print_blob=True)
hypothesis.settings.load_profile("hub")

DATABASES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]


@pytest.fixture(scope="session")
def postgresql() -> Iterator[postgres.Server]:
    """One real PostgreSQL for the whole run; tests that ask for it are skipped where its programs cannot be had."""
    try:
        with postgres.running() as server:
            yield server
    except postgres.NoPostgres as reason:
        pytest.skip(f"no PostgreSQL: {reason}")


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a fresh, empty database; the test runs once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'hub.db'}"
        return
    server: postgres.Server = request.getfixturevalue("postgresql")
    with server.database() as url:
        yield url


@pytest.fixture
def postgresql_url(postgresql: postgres.Server) -> Iterator[str]:
    """The address of a fresh, empty PostgreSQL database."""
    with postgresql.database() as url:
        yield url
