"""What do all pages share: the reader, the frame around a page, and how a template becomes an answer."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlencode
from zoneinfo import ZoneInfo

from fastapi import HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from hub import texts as languages
from hub.core.policy import TeamMember
from hub.engine.broadcast import Broadcaster
from hub.engine.hub import OWN, Hub
from hub.engine.receive import Receiver
from hub.store import pages
from hub.texts import N_, Texts
from hub.texts.formats import Formats
from hub.web import words
from hub.web.forms import SEAT, Forms, key_of
from hub.web.remote import Remote

FOLDER = Path(__file__).parent
YEAR = 31_536_000
LARGEST = 100
"""Fields of a form."""
Form = Mapping[str, str]

MENU: tuple[tuple[str, str, str, str], ...] = (
    ("now", "/", "now", N_("Now")),
    ("calls", "/calls", "phone", N_("Calls")),
    ("messages", "/messages", "chat", N_("Messages")),
    ("contacts", "/contacts", "user", N_("Clients")),
    ("", "", "", N_("System")),
    ("connections", "/connections", "plug", N_("Connections")),
    ("repairs", "/repairs", "wrench", N_("To repair")),
    ("deliveries", "/deliveries", "send", N_("Deliveries")),
)
"""Key, address, icon, text; an entry without a key is a heading. Only pages that exist."""
FILTERS = frozenset({"period", "outcome", "kind", "line", "manager", "hours", "q", "before", "show", "state"})
"""Parameters that make up a view, so that it can be sent to a colleague."""
TABS: Mapping[str, str] = {
    "now": N_("Now"),
    "calls": N_("Calls"),
    "contacts": N_("Clients"),
    "connections": N_("Sources"),
    "repairs": N_("Repair"),
}
"""The five of the phone's bar, in words short enough for it."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who reads the page. member: the one of the team whom he said to be; seat: his browser."""

    texts: Texts
    formats: Formats
    theme: str | None
    member: TeamMember | None
    seat: str
    is_new: bool


class Desk:
    """The hub as the pages see it."""

    def __init__(self, hub: Hub, receiver: Receiver, broadcaster: Broadcaster) -> None:
        self.hub = hub
        self.receiver = receiver
        self.broadcaster = broadcaster
        self.forms = Forms(key_of(hub.settings.data))
        self.zone = ZoneInfo(hub.settings.timezone)
        self.patience = 1.5
        """Seconds that an answer to a form waits for the decision to reach the pages."""

    @cached_property
    def _environment(self) -> Environment:
        environment = Environment(
            loader=FileSystemLoader(FOLDER / "templates"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=StrictUndefined,
            extensions=["jinja2.ext.do"],
        )
        environment.globals["static"] = self.static
        return environment

    @cached_property
    def _versions(self) -> Mapping[str, str]:
        return {
            path.name: hashlib.blake2b(path.read_bytes(), digest_size=6).hexdigest()
            for path in (FOLDER / "static").iterdir()
        }

    def static(self, name: str) -> str:
        """The address of a static file; it changes with its content, so a browser may keep it for ever."""
        return f"/static/{name}?v={self._versions[name]}"

    @property
    def members(self) -> Mapping[str, TeamMember]:
        """The team as it is configured."""
        return self.hub.settings.team.members

    def visitor(self, request: Request) -> Visitor:
        """The reader, by his cookies; `?lang=` wins."""
        cookies = request.cookies
        language = request.query_params.get("lang", cookies.get("lang", ""))
        spoken = languages.texts(language if language in languages.LANGUAGES else self.hub.settings.language)
        theme = request.query_params.get("theme", cookies.get("theme"))
        seat = cookies.get(SEAT, "")
        is_new = not (10 <= len(seat) <= 64 and seat.isascii())
        return Visitor(
            texts=spoken,
            formats=Formats(spoken, self.zone, self.hub.now()),
            theme=theme if theme in {"light", "dark"} else None,
            member=self.members.get(unquote(cookies.get("member", ""))),
            seat=secrets.token_urlsafe(18) if is_new else seat,
            is_new=is_new,
        )

    async def form(self, request: Request) -> tuple[Form, str]:
        """The texts of a form, and its number; a form that is not ours is refused."""
        async with request.form(max_files=0, max_fields=LARGEST) as sent:
            form = {name: value for name, value in sent.items() if isinstance(value, str)}
        number = self.forms.number(form.get("token", ""), request.cookies.get(SEAT))
        if number is None:
            raise HTTPException(403)
        return form, number

    def name(self, visitor: Visitor, ref: str | None) -> str:
        """The name of one of us, else his address as people write it."""
        member = self.members.get(ref or "")
        return member.name if member else visitor.formats.handle(ref)

    async def page(
        self,
        request: Request,
        template: str,
        *,
        here: str = "",
        status: int = 200,
        visitor: Visitor | None = None,
        **values: Any,
    ) -> Response:
        """A whole page with its frame."""
        visitor = visitor or self.visitor(request)
        frame = await self.hub.db.read(pages.frame, self.hub.now(), OWN)
        return self._answer(
            request,
            visitor,
            template,
            status,
            here=here,
            frame=frame,
            menu=self._menu(frame),
            paused=self.paused(frame),
            **values,
        )

    def plain(self, request: Request, template: str, status: int, **values: Any) -> Response:
        """A page without frame, for when the store may be out of reach."""
        return self._answer(request, self.visitor(request), template, status, **values)

    def fragment(self, request: Request, template: str, visitor: Visitor, **values: Any) -> Response:
        """A part of a page, to be put in the place of its older self."""
        return self._answer(request, visitor, template, 200, **values)

    def see(self, address: str) -> RedirectResponse:
        """Go on there, after a form."""
        return RedirectResponse(local(address), 303)

    def paused(self, frame: pages.Frame) -> list[str]:
        """Connections that bring nothing until a person acts."""
        return [
            name
            for name, link in self.hub.links.items()
            if link.problem is not None or frame.states.get(name) == "paused"
        ]

    def _menu(self, frame: pages.Frame) -> list[dict[str, Any]]:
        counts = {"now": (frame.overdue, "late"), "repairs": (frame.repairs, "soon")}
        return [
            {
                "key": key,
                "href": href,
                "icon": icon,
                "text": text,
                "tab": TABS.get(key),
                "n": counts.get(key, (0, ""))[0],
                "tone": counts.get(key, (0, ""))[1],
            }
            for key, href, icon, text in MENU
        ]

    def _answer(self, request: Request, visitor: Visitor, template: str, status: int, **values: Any) -> Response:
        context = {
            "_": visitor.texts.markup,
            "ngettext": visitor.texts.markup_count,
            "term": visitor.texts.say,
            "f": visitor.formats,
            "visitor": visitor,
            "token": self.forms.token(visitor.seat),
            "members": self.members,
            "languages": languages.LANGUAGES,
            "person": lambda ref: self.name(visitor, ref),
            "kinds": words.KINDS,
            "because": words.BECAUSE,
            "address": _address(request),
            "link": _linker(request, values.get("path", request.url.path)),
            "links": self._links,
            **values,
        }
        text = self._environment.get_template(template).render(context).strip()
        response = HTMLResponse(text, status, {"Content-Language": visitor.texts.language, "Vary": "Cookie"})
        if visitor.is_new:
            self.remember(request, response, SEAT, visitor.seat)
        if request.query_params.get("lang") in languages.LANGUAGES:
            self.remember(request, response, "lang", request.query_params["lang"])
        return response

    @staticmethod
    def remember(request: Request, response: Response, name: str, value: str, *, script: bool = False) -> None:
        """Keep a choice in this browser. script: hub.js may change it too."""
        remote: Remote = request.scope["state"]["remote"]
        secure = remote.scheme == "https"
        response.set_cookie(name, quote(value), max_age=YEAR, httponly=not script, samesite="lax", secure=secure)

    @property
    def _links(self) -> list[str]:
        return [name for name in self.hub.links if name != OWN]


def _address(request: Request) -> str:
    """Where the reader is, without the parts that belong to one visit."""
    kept = [
        (name, value) for name, value in request.query_params.multi_items() if name not in {"lang", "done", "undone"}
    ]
    return request.url.path + (f"?{urlencode(kept)}" if kept else "")


def _linker(request: Request, path: str) -> Callable[..., str]:
    """Makes the address of this page with other parameters; an empty one is taken off."""

    def link(**changed: str) -> str:
        kept = {name: value for name, value in request.query_params.items() if name in FILTERS}
        query = urlencode({name: value for name, value in {**kept, **changed}.items() if value})
        return path + (f"?{query}" if query else "")

    return link


def local(address: str) -> str:
    """The address if it is one of ours, else the first page: a form must not send people to another site."""
    if not address.startswith("/") or address.startswith(("//", "/\\")) or any(ord(sign) < 33 for sign in address):
        return "/"
    return address
