"""Is the store's schema the one this code needs, and how does it become so?"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from hub.errors import ConfigError, Mistake
from hub.store.database import connect, exists

HEAD = "0001"
"""The newest migration; a test compares it with the files."""


def current(connection: Connection) -> str | None:
    """The migration that the store is at, None for an empty one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return version


def is_current(url: str) -> bool:
    """Whether there is a store of this code's schema; none is made."""
    if not exists(url):
        return False
    engine = connect(url, write=False)
    try:
        with engine.begin() as connection:
            return current(connection) == HEAD
    finally:
        engine.dispose()


def upgrade(url: str) -> bool:
    """Bring the store to this code's schema; False when it is there already.

    Raises ConfigError for a store that a newer version of the hub has migrated.
    """
    engine = connect(url)
    try:
        with engine.begin() as connection:
            at = current(connection)
            if at == HEAD:
                return False
            if at is not None and at > HEAD:
                raise ConfigError(
                    [
                        Mistake(
                            "database",
                            f"was written by a newer version of crmhub (schema {at}, this one "
                            f"knows {HEAD}); install that version again, or restore a copy",
                        )
                    ],
                    "the store",
                )
            _run(connection)
            return True
    finally:
        engine.dispose()


def _run(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - a third of a second that only a new store pays
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
