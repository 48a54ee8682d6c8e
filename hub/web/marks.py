"""What people decide on the pages: taken, closed with a reason, brought back. Each becomes a `mark` record (model.md 2)."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response

from hub import texts
from hub.core.records import CLOSING_REASONS
from hub.engine.hub import OWN
from hub.engine.receive import arrival
from hub.sdk.connector import Raw
from hub.store import history, pages
from hub.web.desk import Desk, Form, local
from hub.web.forms import once

KINDS = ("taken", "closed", "no_reply_needed", "reopened")
SHOWN = frozenset({"waits", "closed", "headline"})
"""Names by which the pages are told that a decision took effect."""
LONGEST_NOTE = 500


def router(desk: Desk) -> APIRouter:
    """POST only: each answers with an address to go on to."""
    routes = APIRouter(include_in_schema=False)

    @routes.post("/marks")
    async def mark(request: Request) -> Response:
        form, number = await desk.form(request)
        visitor = desk.visitor(request)
        key, kind = form.get("on", ""), form.get("kind", "")
        if kind not in KINDS or (kind == "closed" and form.get("reason") not in CLOSING_REASONS):
            raise HTTPException(403)
        chosen = desk.members.get(form.get("member", "")) or visitor.member
        if chosen is None:
            names = ("on", "kind", "reason", "note")
            pending = {name: form[name] for name in names if form.get(name)} | {"back": local(form.get("back", "/"))}
            return desk.plain(request, "choose.html", 200, pending=pending)
        if await desk.hub.db.read(pages.case, key) is None:
            raise HTTPException(404)
        await _keep(desk, number, key, kind, chosen.key, form)
        response = desk.see(_with(local(form.get("back", "/")), done=key, kind=kind))
        if visitor.member is None:
            desk.remember(request, response, "member", chosen.key)
        return response

    @routes.post("/me")
    async def me(request: Request) -> Response:
        form, _ = await desk.form(request)
        response = desk.see(form.get("back", "/"))
        if form.get("member") in desk.members:
            desk.remember(request, response, "member", form["member"])
        return response

    @routes.post("/look")
    async def look(request: Request) -> Response:
        form, _ = await desk.form(request)
        response = desk.see(form.get("back", "/"))
        if form.get("lang") in texts.LANGUAGES:
            desk.remember(request, response, "lang", form["lang"])
        if form.get("theme") in {"light", "dark"}:
            desk.remember(request, response, "theme", form["theme"], script=True)
        return response

    return routes


async def _keep(desk: Desk, number: str, key: str, kind: str, by: str, form: Form) -> None:
    """Put the mark on its way and wait a moment until the pages show it; the same form sent twice is one mark."""
    own = once(number, kind, key)
    if await desk.hub.db.read(history.has_mark, OWN, own):
        return
    now = desk.hub.now()
    payload: dict[str, Any] = {"record": "mark", "id": own, "at": now.isoformat(), "by": by, "kind": kind, "on": key}
    if kind == "closed":
        payload["reason"] = form["reason"]
    if note := form.get("note", "").strip()[:LONGEST_NOTE]:
        payload["note"] = note
    async with desk.broadcaster.listen() as listener:
        await desk.receiver.keep([arrival(OWN, Raw("record", f"mark/{own}", payload), now)])
        try:
            async with asyncio.timeout(desk.patience):
                while not await listener.changed(desk.patience) & SHOWN:
                    pass
        except TimeoutError:
            return


def _with(address: str, **added: str) -> str:
    parts = urlsplit(address)
    query = "&".join(filter(None, (parts.query, urlencode(added))))
    return parts._replace(query=query).geturl()
