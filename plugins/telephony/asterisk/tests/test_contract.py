"""Does the connector keep the contract that every connector keeps?"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from truth import FIXTURES, site

from hub.sdk import Raw
from hub.sdk.testing.contract import Contract, Sample
from plugins.telephony.asterisk import CONNECTOR
from plugins.telephony.asterisk.files import read


def _sample(name: str) -> Sample:
    folder = FIXTURES / name
    settings, context = site(folder)
    items = [item for item in read(folder, name, settings, context) if isinstance(item, Raw)]
    return Sample(name, items)


class TestContract(Contract):
    connector = CONNECTOR
    options = {  # noqa: RUF012 - the contract's class variables
        "host": "127.0.0.1",
        "username": "hub",
        "secret": "a-secret-of-the-pbx",
        "trunk_channels": ["PJSIP/trunk-"],
        "queues": {"sales": ["101", "102", "103"]},
        "outbound_prefix": "8",
        "company_number": "74950010100",
    }
    wrong_options = {"timezone": "Moscow", "port": 70_000, "country": "Russia"}  # noqa: RUF012
    samples = tuple(_sample(name) for name in ("ringgroup-answered", "attended-transfer", "queue-abandoned", "pickup"))
    files = (
        FIXTURES / "ringgroup-answered",
        FIXTURES / "mixed-stream" / "ami.raw.gz",
        FIXTURES / "mixed-stream" / "cdr.csv",
    )
