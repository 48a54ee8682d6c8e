"""How does a person connect a system: he picks it, gives access, sees it tried, and only then is it saved?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import PlainTextResponse, RedirectResponse, Response
from pydantic import ValidationError

from hub import settings as configuration
from hub.engine import connecting, drafts
from hub.engine.connecting import Candidate
from hub.engine.drafts import Draft
from hub.engine.hub import vault_of
from hub.errors import ConfigError, HubError
from hub.registry import Link
from hub.sdk.connector import Checked, Connector
from hub.texts import N_
from hub.web import wizard
from hub.web.desk import Desk, Visitor
from hub.web.forms import SEAT
from hub.web.remote import Remote
from hub.web.switches import switches
from hub.web.wizard import Wizard, speech

UNWRITABLE = N_(
    "config.toml cannot be written: %(why)s. Let the hub write it and its folder, or run crmhub connect as their owner."
)
DENIED = "access_denied"
"""What vendors send when the person did not consent (RFC 6749, 4.1.2.1)."""


def router(desk: Desk) -> APIRouter:
    """`/connections/new` and what follows, and the page to which vendors send people back."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/connections/new")
    async def choose(request: Request) -> Response:
        visitor = desk.visitor(request)
        asked = request.query_params.get("q", "").strip()
        found = [
            (connector, speech(connector, visitor))
            for connector in desk.hub.registry.connectors.values()
            if asked.lower()
            in f"{connector.name} {connector.title} {speech(connector, visitor)(connector.about)}".lower()
        ]
        return await desk.page(
            request,
            "connections/new.html",
            here="connections",
            visitor=visitor,
            asked=asked,
            connectors=sorted(found, key=lambda item: item[0].title or item[0].name),
        )

    @routes.get("/connections/new/{plugin}")
    async def fill(request: Request, plugin: str) -> Response:
        visitor, connector = desk.visitor(request), _connector(desk, plugin)
        query = request.query_params
        if "draft" in query:
            draft = await drafts.of_seat(desk.hub, query["draft"], request.cookies.get(SEAT, ""))
            if draft is None or draft.candidate.connector is not connector:
                return _expired(desk, request, connector)
            return await _tried(desk, request, visitor, draft)
        if "done" in query:
            return await _done(desk, request, visitor, connector, query["done"])
        name = query.get("name", "")
        before = wizard.existing(desk.hub, connector, name)
        form = wizard.empty(
            desk.hub, visitor, connector, name if before is not None else "", before, _own_address(desk, request)
        )
        return await _shown(desk, request, visitor, form)

    @routes.post("/connections/new/{plugin}")
    async def given(request: Request, plugin: str) -> Response:
        visitor, connector = desk.visitor(request), _connector(desk, plugin)
        sent, _ = await desk.form(request)
        seat = request.cookies[SEAT]
        earlier = await drafts.of_seat(desk.hub, sent.get("draft", ""), seat)
        form, candidate = wizard.read(desk.hub, visitor, connector, sent, earlier.candidate if earlier else None)
        if candidate is None:
            return await _shown(desk, request, visitor, form, status=422)
        draft = Draft(candidate=candidate, seat=seat)
        if earlier is not None:
            draft = replace(draft, number=earlier.number)
        return await _kept(desk, request, draft)

    @routes.post("/connections/new/{plugin}/save")
    async def save(request: Request, plugin: str) -> Response:
        connector = _connector(desk, plugin)
        sent, _ = await desk.form(request)
        draft = await drafts.of_seat(desk.hub, sent.get("draft", ""), request.cookies[SEAT])
        if draft is None or draft.candidate.connector is not connector:
            return _expired(desk, request, connector)
        try:
            _, checked = await _try(desk, draft)
            if not checked or not all(item.ok for item in checked):
                return _go_on(draft)
            await connecting.save(desk.hub, draft.candidate)
        except ConfigError as error:
            await drafts.keep(desk.hub, replace(draft, problem=str(error)))
            return _go_on(draft)
        except OSError as error:
            said = desk.visitor(request).texts.say(UNWRITABLE, why=error.strerror or str(error))
            await drafts.keep(desk.hub, replace(draft, problem=said))
            return _go_on(draft)
        await drafts.drop(desk.hub, draft)
        return RedirectResponse(f"/connections/new/{plugin}?{urlencode({'done': draft.candidate.name})}", 303)

    @routes.post("/connections/{name}/access")
    async def anew(request: Request, name: str) -> Response:
        await desk.form(request)
        found = configuration.load(desk.hub.settings.path).connections.get(name)
        if found is None:
            raise HTTPException(404)
        candidate = Candidate(
            name=name, connector=_connector(desk, found.plugin), options=dict(found.options), again=True
        )
        return await _kept(desk, request, Draft(candidate=candidate, seat=request.cookies[SEAT]))

    @routes.get("/oauth/{name}")
    async def back(request: Request, name: str) -> Response:
        query = dict(request.query_params)
        draft = await drafts.by_state(desk.hub, query.get("state", ""), request.cookies.get(SEAT, ""))
        if draft is None:
            return desk.plain(request, "oauth.html", 400, told="unknown", name=name, connector=None)
        if draft.seat is None:
            await drafts.answer(desk.hub, draft, query)
            return desk.plain(
                request, "oauth.html", 200, told="terminal", name=name, connector=draft.candidate.connector
            )
        await drafts.keep(desk.hub, await _signed_in(desk, draft, query))
        return _go_on(draft)

    @routes.post("/oauth/{name}/keys")
    async def keys(request: Request, name: str) -> Response:
        """By the vendor, not by a person: whoever knows the state may tell the keys that belong to it."""
        try:
            posted = await request.json()
            state = posted.get("state") if isinstance(posted, dict) else None
            known = isinstance(state, str) and await drafts.given_keys(desk.hub, state, posted)
        except (ValueError, HubError):
            known = False
        return PlainTextResponse("" if known else f"Nobody waits for keys of {name}.\n", 200 if known else 400)

    return routes


def _connector(desk: Desk, plugin: str) -> Connector:
    connector = desk.hub.registry.connectors.get(plugin)
    if connector is None:
        raise HTTPException(404)
    return connector


def _own_address(desk: Desk, request: Request) -> str:
    """How this browser, and the vendor through it, reaches the hub."""
    remote: Remote = request.scope["state"]["remote"]
    return desk.hub.settings.web.public_url or f"{remote.scheme}://{remote.host}"


# The check


async def _try(desk: Desk, draft: Draft) -> tuple[Link, Sequence[Checked]]:
    """What the check says, nothing where the person has to sign in first."""
    link = draft.candidate.link(vault_of(desk.hub.settings))
    if link.login is not None and draft.candidate.tokens is None:
        return link, ()
    return link, await connecting.tried(desk.hub, draft.candidate, link)


async def _tried(desk: Desk, request: Request, visitor: Visitor, draft: Draft) -> Response:
    candidate = draft.candidate
    form = wizard.filled(visitor, candidate.connector, candidate.name, again=candidate.again, options=candidate.options)
    try:
        link, checked = await _try(desk, draft)
    except ConfigError as error:
        errors = wizard.by_key(error, candidate.connector, candidate.name)
        wrong = replace(form, fields=[replace(item, error=errors.get(item.question.key, "")) for item in form.fields])
        return await _shown(desk, request, visitor, wrong, status=422)
    login = link.login
    consent = login.address(link.settings, draft.redirect, draft.state) if login and not checked else ""
    return await _shown(desk, request, visitor, form, draft=draft, link=link, checked=checked, consent=consent)


async def _signed_in(desk: Desk, draft: Draft, query: Mapping[str, str]) -> Draft:
    """The draft after the person came back from the vendor."""
    if "error" in query:
        return draft.refused(query["error"][:100])
    try:
        link = draft.candidate.link(vault_of(desk.hub.settings))
        return draft.signed_in(await connecting.exchange(desk.hub, draft.candidate, link, query, draft.redirect))
    except HubError as error:
        return draft.refused(str(error))


async def _shown(
    desk: Desk,
    request: Request,
    visitor: Visitor,
    form: Wizard,
    *,
    status: int = 200,
    draft: Draft | None = None,
    link: Link | None = None,
    checked: Sequence[Checked] = (),
    consent: str = "",
) -> Response:
    say = speech(form.connector, visitor)
    lines = [replace(item, what=say(item.what), problem=say(item.problem)) for item in checked]
    step = "check" if checked else "access"
    return await desk.page(
        request,
        "connections/fields.html",
        here="connections",
        status=status,
        visitor=visitor,
        w=form,
        draft=draft,
        checked=lines,
        green=bool(lines) and all(item.ok for item in lines),
        consent=consent,
        step=step,
        vendor=urlsplit(consent).netloc,
        makes_keys=_makes_keys(desk, form),
        title=say(form.connector.title) or form.connector.name,
        switches=switches(link.offered.values()) if link is not None else (),
        elsewhere=_elsewhere(draft, request) if consent and draft is not None else "",
        problem=_problem(draft, visitor) if draft is not None else "",
    )


def _makes_keys(desk: Desk, form: Wizard) -> bool:
    """Whether the vendor makes the keys by itself where none are given: it must reach the hub to tell them."""
    if form.again or form.connector.login is None or desk.hub.settings.web.public_url is None:
        return False
    try:
        login = form.connector.login(form.connector.settings())
    except ValidationError:  # it cannot do without keys
        return False
    return login is not None and login.keys is not None


def _problem(draft: Draft, visitor: Visitor) -> str:
    say = visitor.texts.say
    if draft.problem == DENIED:
        return say(N_("You did not allow it. Nothing was saved; sign in again when you want to."))
    return draft.problem


def _elsewhere(draft: Draft, request: Request) -> str:
    """Where the page should be open, when the vendor sends the browser back to another address than this."""
    remote: Remote = request.scope["state"]["remote"]
    there = urlsplit(draft.redirect)
    return "" if there.netloc == remote.host else f"{there.scheme}://{there.netloc}"


async def _kept(desk: Desk, request: Request, draft: Draft) -> Response:
    """Keep the draft, and show what comes next: signing in, or the check."""
    try:
        link = draft.candidate.link(vault_of(desk.hub.settings))
    except ConfigError:  # shown at its key
        redirect = ""
    else:
        redirect = connecting.redirect_uri(link, _own_address(desk, request))
    await drafts.keep(desk.hub, replace(draft, redirect=redirect))
    return _go_on(draft)


def _expired(desk: Desk, request: Request, connector: Connector) -> Response:
    return desk.plain(request, "oauth.html", 410, told="expired", name="", connector=connector)


async def _done(desk: Desk, request: Request, visitor: Visitor, connector: Connector, name: str) -> Response:
    before = wizard.existing(desk.hub, connector, name)
    if before is None:
        raise HTTPException(404)
    link = Candidate(name=name, connector=connector, options=before).link(vault_of(desk.hub.settings))
    running = name in desk.hub.links
    response = await desk.page(
        request,
        "connections/done.html",
        here="connections",
        visitor=visitor,
        name=name,
        running=running,
        switches=switches(link.offered.values()),
        step="done",
    )
    if not running:
        response.headers["Refresh"] = "2"
    return response


def _go_on(draft: Draft) -> Response:
    query = urlencode({"draft": draft.number})
    return RedirectResponse(f"/connections/new/{draft.candidate.connector.name}?{query}", 303)
