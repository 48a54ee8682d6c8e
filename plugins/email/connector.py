"""What can the hub do with a mailbox?"""

from __future__ import annotations

from hub.sdk import Connector
from plugins.email import item, parse
from plugins.email.account import open_account
from plugins.email.check import check
from plugins.email.post import pushes
from plugins.email.settings import Settings
from plugins.email.streams import streams

CONNECTOR = Connector(
    name="email",
    title="E-mail (IMAP, SMTP)",
    settings=Settings,
    open=open_account,
    check=check,
    parse={item.KIND: parse.parse},
    parse_reads=parse.READS,
    streams=streams,
    push=pushes,
    about="a mailbox: what clients write and what they are answered",
    asks=("address", "provider", "password", "client_id", "client_secret", "imap", "smtp"),
)
