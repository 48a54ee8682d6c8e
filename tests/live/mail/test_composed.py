"""Is every composed mail told for what it is when a real server has counted and cut its parts?"""

from datetime import timedelta

import pytest

from hub.sdk import Stored
from plugins.email import streams
from plugins.email.parse import parse
from plugins.email.tests.composed import CONTEXT, OURS, ROWS, seen, verdict
from tests.live.mail.kit import IVAN, NOW, account, at_least, items_of, options

pytestmark = pytest.mark.live


async def test_mails_are_the_same_by_the_parts_that_a_server_tells(server):
    rows = {role: [row for row in ROWS if row.role == role and b"\0" not in row.content] for role in ("inbox", "sent")}
    for role, folder in (("inbox", "INBOX"), ("sent", "Sent")):
        server.clear(IVAN, folder)
        server.put(IVAN, [row.content for row in rows[role]], folder, NOW - timedelta(hours=1))
    wrong = []
    async with account(options(server)) as client:
        for role, read in (("inbox", streams.inbox), ("sent", streams.sent)):
            found, _ = await items_of(read(client, None), at_least(len(rows[role])))
            found.sort(key=lambda raw: int(raw.id.rpartition("/")[2]))
            for raw, row in zip(found, rows[role], strict=True):
                told = list(parse([Stored(raw.kind, raw.id, raw.payload, NOW, raw.group)], OURS, CONTEXT))
                wrong += [f"{row.name}: {said}"] if (said := verdict(told)) != row.expected else []
                whole, by_parts = (
                    [getattr(one, "text", None) for one in facts] for facts in (seen(row.content, role), told)
                )
                wrong += [f"{row.name}: {by_parts} instead of {whole}"] if by_parts != whole else []
    assert wrong == []
