"""What does a webhook hint at, and which webhooks does the account have to send?"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from hub.sdk import Forged, Malformed, Raw, Received, WebhookRequest
from plugins.amocrm.client import Amo, embedded
from plugins.amocrm.form import Block, nested, several
from plugins.amocrm.settings import Settings

WANTED = (
    "status_lead",
    *(
        f"{what}_{whom}"
        for whom in ("lead", "contact", "company")
        for what in ("add", "update", "delete", "restore", "responsible")
    ),
    *(f"{what}_task" for what in ("add", "update", "delete", "responsible")),
)
"""The events that a webhook is registered for; forms are asked for now and then."""
CALLS = ("note_lead", "note_contact", "note_company")
"""The events besides, where calls are read from the CRM."""
RENEWED = timedelta(hours=12)
"""Between two looks whether the account still has the webhook: it is switched off there after a hundred failures."""

_STREAMS: Mapping[str, str] = {
    "leads": "leads",
    "contacts": "contacts",
    "companies": "companies",
    "task": "tasks",
    "tasks": "tasks",
    "unsorted": "unsorted",
}
_LOGGED = frozenset({"delete", "restore", "responsible", "status"})
_COMPANY = "3"
"""Number of the element type."""
_CALL_NOTES = frozenset({"10", "11", "call_in", "call_out"})


# receiving


def webhook(request: WebhookRequest, settings: Settings) -> Received:
    """Keep the whole hook and ring for the streams it hints at; the pull brings the truth.

    Hooks are not signed: the secret in the address is the proof. Lost, doubled, late and shuffled ones change nothing.
    """
    secret = settings.hook_path
    given = request.path.strip("/")
    if not secret or not hmac.compare_digest(given.encode(), secret.encode()):
        raise Forged("the address ends in the wrong secret; `crmhub check` says whether the webhook is registered")
    try:
        found = nested(request.body)
    except ValueError as error:
        raise Malformed(f"not a form: {error}") from error
    if settings.account_id is not None and _account(found) not in {None, str(settings.account_id)}:
        raise Forged("the hook is of another account")
    if not found:
        return Received()
    item = Raw("hook", hashlib.sha256(request.body).hexdigest()[:32], found)
    return Received([item], wake=tuple(dict.fromkeys(_concerned(found))))


def _account(found: Block) -> str | None:
    account = found.get("account")
    number = account.get("id") if isinstance(account, dict) else None
    return number if isinstance(number, str) else None


def _concerned(found: Block) -> Iterator[str]:
    """The streams in which the truth about a hook is."""
    for name, block in found.items():
        stream = _STREAMS.get(name)
        if stream is None or not isinstance(block, dict):
            continue
        for what, objects in block.items():
            rows = several(objects)
            if what == "note":
                yield from _notes(name, rows)
                continue
            yield from _of_objects(stream, rows)
            if what in _LOGGED or any("old_status_id" in row or "old_responsible_user_id" in row for row in rows):
                yield "events"
            if name == "unsorted" and what == "delete":
                yield from ("leads", "contacts")


def _of_objects(stream: str, rows: Collection[Block]) -> Iterator[str]:
    """Companies come under the name of contacts, told apart by their type."""
    if stream != "contacts":
        yield stream
        return
    for row in rows:
        yield "companies" if row.get("type") == "company" else "contacts"


def _notes(name: str, rows: Collection[Block]) -> Iterator[str]:
    for row in rows:
        note = row.get("note")
        if isinstance(note, dict) and note.get("note_type") in _CALL_NOTES:
            on_company = name == "companies" or note.get("element_type") == _COMPANY
            yield "lead_calls" if name == "leads" else "company_calls" if on_company else "contact_calls"


# registering


async def subscribe(client: Amo, url: str) -> datetime | None:
    """Have the account send its hooks to us; an address of ours with an older secret is taken away."""
    secret = client.settings.hook_path
    if not secret:
        return None
    address = f"{url.rstrip('/')}/{secret}"
    wanted = [*WANTED, *(CALLS if client.settings.reads_calls(client.host.context) else ())]
    for hook in await registered(client, url):
        if hook["destination"] != address:
            await client.send("DELETE", "/api/v4/webhooks", {"destination": hook["destination"]})
        elif set(hook.get("settings") or ()) >= set(wanted) and not hook.get("disabled"):
            return client.host.now() + RENEWED
    await client.send("POST", "/api/v4/webhooks", {"destination": address, "settings": wanted, "sort": 10})
    return client.host.now() + RENEWED


async def registered(client: Amo, url: str) -> list[dict[str, Any]]:
    """The account's webhooks that lead to this connection."""
    hooks = embedded(await client.get("/api/v4/webhooks"))
    return [hook for hook in hooks if str(hook.get("destination", "")).startswith(url.rstrip("/") + "/")]
