"""What can the hub do with Telegram?"""

from __future__ import annotations

from collections.abc import Sequence

from hub.sdk import Connector, Limit
from plugins.messenger.telegram.check import check
from plugins.messenger.telegram.client import classify, invitation, open_bot
from plugins.messenger.telegram.hooks import subscribe, webhook
from plugins.messenger.telegram.parse import PARSE
from plugins.messenger.telegram.push import pushes
from plugins.messenger.telegram.settings import Settings
from plugins.messenger.telegram.updates import streams
from plugins.messenger.telegram.words import RUSSIAN


def limits(settings: Settings) -> Sequence[Limit]:
    """About 30 messages a second for a bot altogether; the vendor calls none of his limits exact."""
    return (Limit(f"telegram:{settings.base_url}:{settings.bot}", 25),)


CONNECTOR = Connector(
    name="telegram",
    title="Telegram",
    settings=Settings,
    open=open_bot,
    check=check,
    parse=PARSE,
    parse_reads=("own_chats",),
    streams=streams,
    webhook=webhook,
    push=pushes,
    subscribe=subscribe,
    invitation=invitation,
    classify=classify,
    limits=limits,
    about="clients who write to a bot, in groups or to managers' own accounts; notices to our own people",
    asks=("token",),
    words={"ru": RUSSIAN},
)
