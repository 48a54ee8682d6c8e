"""What can the hub do with a mailbox?"""

from __future__ import annotations

from hub.sdk import Connector
from plugins.email.account import open_account
from plugins.email.check import check
from plugins.email.item import KIND
from plugins.email.login import login
from plugins.email.parse import READS, parse
from plugins.email.post import pushes
from plugins.email.settings import Settings
from plugins.email.streams import streams
from plugins.email.words import RUSSIAN

CONNECTOR = Connector(
    name="email",
    title="E-mail (IMAP, SMTP)",
    settings=Settings,
    open=open_account,
    check=check,
    parse={KIND: parse},
    parse_reads=READS,
    streams=streams,
    push=pushes,
    login=login,
    about="a mailbox: what clients write, what they are answered, and notices to our own people",
    asks=("address", "provider", "password", "client_id", "client_secret", "imap", "smtp"),
    words={"ru": RUSSIAN},
)
