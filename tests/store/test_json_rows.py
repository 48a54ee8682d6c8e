"""Rows of listings can be written as JSON as they are."""

from datetime import UTC, datetime

import orjson

from hub.store import connections, repairs
from tests.web import story


async def test_rows_of_repairs_and_connections_are_json_ready(tmp_path) -> None:
    hub = story.open_story(tmp_path)
    with hub.db.begin() as connection:
        repairs.note(connection, "a:b", kind="x", title="t", advice="a", now=datetime.now(UTC))
        connections.failed(connection, "pbx", "ami", "gone", datetime.now(UTC))
        assert orjson.dumps(repairs.listing(connection))
        assert orjson.dumps(connections.listing(connection))
    hub.close()
