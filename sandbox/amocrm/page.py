"""What does the CRM look like to its user?"""

from __future__ import annotations

from sandbox.amocrm.http import Answer, Call


def show(call: Call) -> Answer:
    return Answer(200, b"ok", "text/html")
