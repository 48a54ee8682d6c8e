"""What can the hub do with amoCRM, known abroad as Kommo?"""

from __future__ import annotations

from collections.abc import Sequence

from hub.sdk import Connector, Limit
from plugins.amocrm.check import check
from plugins.amocrm.client import classify, open_account
from plugins.amocrm.hooks import subscribe, webhook
from plugins.amocrm.login import login
from plugins.amocrm.parse import PARSE
from plugins.amocrm.push import pushes
from plugins.amocrm.settings import Settings
from plugins.amocrm.streams import streams
from plugins.amocrm.words import RUSSIAN


def limits(settings: Settings) -> Sequence[Limit]:
    """7 requests a second for an integration, 50 for all of an account together (developers' pages, "Limits")."""
    account = settings.url.partition("://")[2]
    return (Limit(f"amocrm:{account}:{settings.client_id}", 7), Limit(f"amocrm:{account}", 50))


CONNECTOR = Connector(
    name="amocrm",
    title="amoCRM, Kommo",
    settings=Settings,
    open=open_account,
    check=check,
    parse=PARSE,
    parse_reads=("calls",),
    streams=streams,
    webhook=webhook,
    push=pushes,
    subscribe=subscribe,
    classify=classify,
    limits=limits,
    login=login,
    about="clients, deals, tasks and calls of an account",
    asks=("domain", "client_id", "client_secret", "redirect_uri", "token"),
    words={"ru": RUSSIAN},
)
