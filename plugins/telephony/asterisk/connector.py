"""What can the hub do with an Asterisk?"""

from __future__ import annotations

from hub.sdk import Connector
from plugins.telephony.asterisk.files import read
from plugins.telephony.asterisk.fold import parse
from plugins.telephony.asterisk.settings import Settings

CONNECTOR = Connector(
    name="asterisk",
    title="Asterisk, FreePBX, Issabel",
    settings=Settings,
    parse=dict.fromkeys(("ami", "gap", "cel", "cdr", "queue_log"), parse),
    read=read,
)
