"""Are moments kept exactly, and refused where they would be lost?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import StatementError

from hub.store.database import Database
from hub.store.schema import connections

MOSCOW = timezone(timedelta(hours=3))


def test_a_moment_comes_back_in_utc_cut_to_milliseconds(store: Database) -> None:
    moment = datetime(2026, 3, 10, 10, 0, 0, 123999, MOSCOW)
    with store.begin() as connection:
        connection.execute(insert(connections), {"name": "a", "plugin": "records", "live_since": moment})
        kept = connection.scalar(select(connections.c.live_since))
    assert kept == datetime(2026, 3, 10, 7, 0, 0, 123000, UTC)
    assert kept.tzinfo is UTC


def test_a_moment_before_1970_is_cut_downwards_too(store: Database) -> None:
    moment = datetime(1969, 12, 31, 23, 59, 59, 999900, UTC)
    with store.begin() as connection:
        connection.execute(insert(connections), {"name": "a", "plugin": "records", "live_since": moment})
        assert connection.scalar(select(connections.c.live_since)) == moment.replace(microsecond=999000)


def test_a_moment_without_a_zone_is_refused(store: Database) -> None:
    with store.begin() as connection, pytest.raises(StatementError, match="has no zone"):
        connection.execute(insert(connections), {"name": "a", "plugin": "r", "live_since": datetime(2026, 3, 10)})


def test_moments_are_compared_as_moments_whatever_their_zone(store: Database) -> None:
    with store.begin() as connection:
        connection.execute(
            insert(connections), {"name": "a", "plugin": "r", "live_since": datetime(2026, 3, 10, 10, tzinfo=MOSCOW)}
        )
        later = select(connections.c.name).where(connections.c.live_since >= datetime(2026, 3, 10, 7, tzinfo=UTC))
        assert connection.scalars(later).all() == ["a"]
