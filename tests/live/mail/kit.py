"""What do the tests of a real mailbox share: mails, settings, an opened account, what a live stream brings?"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

from hub.sdk import Page, Raw
from hub.sdk.testing import Bench
from plugins.email.account import Account, open_account
from plugins.email.settings import Settings
from sandbox.mailproxy import MailProxy
from tests.live.mail.server import MailServer, password_of

IVAN = "ivan@example.test"
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


def mail(number: int, text: str = "text", **headers: str) -> bytes:
    lines = {
        "From": "anna@customer.test",
        "To": IVAN,
        "Subject": f"Question {number}",
        "Message-ID": f"<{number}@customer.test>",
        "Date": "Mon, 23 Nov 2026 12:00:00 +0300",
        **headers,
    }
    return "".join(f"{name}: {value}\r\n" for name, value in lines.items()).encode() + f"\r\n{text}\r\n".encode()


def options(server: MailServer, **more: Any) -> Settings:
    given = {
        "address": IVAN,
        "password": password_of(IVAN),
        "imap": f"localhost:{server.ports['imaps']}",
        "smtp": f"localhost:{server.ports.get('submissions', 1)}",
        "ca_file": server.ca_file,
        "since": "2026-01-01",
        **more,
    }
    return Settings.model_validate(given)


def through(proxy: MailProxy, **more: Any) -> Settings:
    given = {"address": IVAN, "password": password_of(IVAN), "imap": f"127.0.0.1:{proxy.port}", "unencrypted": True}
    return Settings.model_validate({**given, "since": "2026-01-01", "smtp": "127.0.0.1:1", **more})


@contextlib.asynccontextmanager
async def account(settings: Settings, **bench: Any) -> AsyncIterator[Account]:
    async with open_account(settings, Bench(time=NOW, **bench)) as client:
        yield client


async def items_of(pages: AsyncIterator[Page], enough: Callable[[list[Raw]], bool]) -> tuple[list[Raw], Any]:
    """What a live stream brings until it is enough, and the cursor then."""
    found: list[Raw] = []
    cursor = None
    async with asyncio.timeout(10), contextlib.aclosing(pages) as opened:  # type: ignore[type-var]
        async for page in opened:
            found += page.items
            cursor = page.cursor if page.cursor is not None else cursor
            if page.complete_until is not None and enough(found):
                break
    return found, cursor


def at_least(count: int) -> Callable[[list[Raw]], bool]:
    return lambda found: len(found) >= count


def subjects(items: list[Raw]) -> list[str]:
    return [line[9:] for raw in items for line in raw.payload["header"].split("\r\n") if line.startswith("Subject: ")]
