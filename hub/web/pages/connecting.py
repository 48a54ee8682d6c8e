"""How does a person connect a system: he picks it, gives access, sees it tried, and only then is it saved?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
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
from hub.sdk.connector import Checked, Connector, Push
from hub.settings import Question, questions, text_of, value_of
from hub.web import words
from hub.web.desk import Desk, Form, Visitor
from hub.web.forms import SEAT
from hub.web.remote import Remote
from hub.web.texts import N_, of_connector

UNWRITABLE = N_(
    "config.toml cannot be written: %(why)s. Let the hub write it and its folder, or run crmhub connect as their owner."
)
DENIED = "access_denied"
"""What vendors send when the person did not consent (RFC 6749, 4.1.2.1)."""


@dataclass(frozen=True, slots=True)
class Field:
    """A key of the connection as the form shows it.

    choices: (value, what it is called). kept: a secret is there, and need not be typed again.
    """

    question: Question
    label: str
    hint: str
    value: str
    choices: Sequence[tuple[str, str]] = ()
    error: str = ""
    kept: bool = False

    @property
    def writes(self) -> bool:
        """Whether it switches on something that the connection does by itself."""
        return self.question.kind == "switch" or "off" in self.question.choices


@dataclass(frozen=True, slots=True)
class Switch:
    """Something that the connection could write. line: the line of config.toml that switches it on."""

    what: str
    note: str
    on: bool
    line: str


@dataclass(frozen=True, slots=True)
class Wizard:
    """What the form holds. again: an existing connection is signed in to anew."""

    connector: Connector
    name: str
    again: bool
    fields: Sequence[Field]
    name_error: str = ""

    @property
    def wrong(self) -> bool:
        """Whether anything has to be corrected."""
        return bool(self.name_error) or any(field.error for field in self.fields)


def router(desk: Desk) -> APIRouter:
    """`/connections/new` and what follows, and the page to which vendors send people back."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/connections/new")
    async def choose(request: Request) -> Response:
        visitor = desk.visitor(request)
        asked = request.query_params.get("q", "").strip()
        found = [
            (connector, _say(connector, visitor))
            for connector in desk.hub.registry.connectors.values()
            if asked.lower()
            in f"{connector.name} {connector.title} {_say(connector, visitor)(connector.about)}".lower()
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
        before = _existing(desk, connector, name)
        form = _empty(desk, request, visitor, connector, name if before is not None else "", before)
        return await _shown(desk, request, visitor, form)

    @routes.post("/connections/new/{plugin}")
    async def given(request: Request, plugin: str) -> Response:
        visitor, connector = desk.visitor(request), _connector(desk, plugin)
        sent, _ = await desk.form(request)
        seat = request.cookies[SEAT]
        earlier = await drafts.of_seat(desk.hub, sent.get("draft", ""), seat)
        form, candidate = _read(desk, visitor, connector, sent, earlier)
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


def _existing(desk: Desk, connector: Connector, name: str) -> Mapping[str, Any] | None:
    """The keys of a connection as the file has them now, None where there is none of this connector."""
    found = configuration.load(desk.hub.settings.path).connections.get(name)
    return found.options if found is not None and found.plugin == connector.name else None


# The form


def _empty(
    desk: Desk, request: Request, visitor: Visitor, connector: Connector, name: str, before: Mapping[str, Any] | None
) -> Wizard:
    """The form before anything was given; of an existing connection it is filled, and its secrets are empty."""
    known = dict(before or {})
    chosen = name or _free_name(desk, connector)
    known.setdefault("redirect_uri", f"{_own_address(desk, request)}/oauth/{chosen}")
    return _form(visitor, connector, chosen, again=before is not None, options=known)


def _form(
    visitor: Visitor,
    connector: Connector,
    name: str,
    *,
    again: bool,
    options: Mapping[str, Any],
    typed: Form | None = None,
    errors: Mapping[str, str] | None = None,
    name_error: str = "",
) -> Wizard:
    """typed: what was given just now, which is shown as it was typed; secrets are never shown."""
    say = _say(connector, visitor)
    fields = []
    for item in questions(connector.settings, connector.asks):
        value = options.get(item.key, item.default)
        kept = item.kind == "secret" and options.get(item.key) is not None
        if item.kind == "secret" and not (isinstance(value, Mapping) and "stored" not in value):
            value = None
        shown = text_of(item, value) if typed is None or item.kind == "secret" else typed.get(f"key.{item.key}", "")
        error = (errors or {}).get(item.key, "")
        choices = [(choice, say(choice)) for choice in item.choices]
        fields.append(Field(item, say(item.label), say(item.hint), shown, choices, error, kept))
    return Wizard(connector, name, again, fields, name_error)


def _read(
    desk: Desk, visitor: Visitor, connector: Connector, sent: Form, earlier: Draft | None
) -> tuple[Wizard, Candidate | None]:
    """The form as it was sent, and the connection that it means; None where something has to be corrected."""
    say = visitor.texts.say
    name = sent.get("as", "").strip()
    again = sent.get("again") == "yes"
    before = _existing(desk, connector, name) if again else None
    start = earlier.candidate if earlier is not None and earlier.candidate.name == name else None
    if start is None:
        start = Candidate(name=name, connector=connector, options=dict(before or {}), again=before is not None)
    given, errors = _answers(connector, sent, start.options)
    name_error = "" if before is not None else _name_error(desk, name, say)
    candidate = None
    if not name_error and not errors:
        try:
            candidate = replace(start, tokens=None).with_options(given)
            candidate.link(vault_of(desk.hub.settings))
        except ConfigError as error:
            candidate, errors = None, _by_key(error, connector, name)
    form = _form(
        visitor,
        connector,
        name,
        again=before is not None,
        options=start.options,
        typed=sent,
        errors=errors,
        name_error=name_error,
    )
    return form, candidate


def _answers(connector: Connector, sent: Form, before: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Key → value of what was typed, and key → what is wrong. What is as by default stays out of config.toml."""
    given: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for item in questions(connector.settings, connector.asks):
        typed = sent.get(f"key.{item.key}", "no" if item.kind == "switch" else "")
        try:
            value = value_of(item, typed)
        except ValueError as error:
            errors[item.key] = str(error)
            continue
        if item.kind == "secret" and value is None:
            continue  # an empty secret is the one that is there
        if value is not None and (item.key in before or text_of(item, value) != text_of(item, item.default)):
            given[item.key] = value
        elif value is None and item.key in before:
            given[item.key] = None
    return given, errors


def _by_key(error: ConfigError, connector: Connector, name: str) -> dict[str, str]:
    hints = {item.key: item.hint for item in questions(connector.settings, connector.asks)}
    found: dict[str, str] = {}
    for mistake in error.mistakes:
        key = mistake.key.removeprefix(f"connections.{name}").lstrip(".").partition(".")[0]
        key = key if key in hints else next(iter(hints))
        example = f" ({mistake.example})" if mistake.example else ""
        found.setdefault(key, mistake.problem.removesuffix(f"; {hints[key]}") + example)
    return found


def _name_error(desk: Desk, name: str, say: Callable[..., str]) -> str:
    if not connecting.NAME.fullmatch(name):
        return say(N_("Latin letters, digits, - and _ only"))
    if name in connecting.RESERVED:
        return say(N_("This name is taken by the hub itself"))
    if name in configuration.load(desk.hub.settings.path).connections:
        return say(N_("There is a connection of this name already"))
    return ""


def _free_name(desk: Desk, connector: Connector) -> str:
    taken = configuration.load(desk.hub.settings.path).connections.keys() | connecting.RESERVED
    wanted = connector.name
    return next(name for name in (wanted, *(f"{wanted}{number}" for number in range(2, 1000))) if name not in taken)


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
    form = _form(visitor, candidate.connector, candidate.name, again=candidate.again, options=candidate.options)
    try:
        link, checked = await _try(desk, draft)
    except ConfigError as error:
        errors = _by_key(error, candidate.connector, candidate.name)
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
    say = _say(form.connector, visitor)
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
    before = _existing(desk, connector, name)
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


def switches(pushes: Iterable[Push]) -> list[Switch]:
    """What a connection writes or could write; one line of the settings may switch several things."""
    found: dict[str, Switch] = {}
    for push in pushes:
        if push.switch:
            what, note = words.WRITES.get(push.effect, (push.effect.__name__, ""))
            found.setdefault(push.switch, Switch(what, note, push.on, push.switch))
    return list(found.values())


def _say(connector: Connector, visitor: Visitor) -> Callable[[str], str]:
    """Says a text of the connector's own in the reader's language."""
    return partial(of_connector, connector.words.get(visitor.texts.language, {}))


def _go_on(draft: Draft) -> Response:
    query = urlencode({"draft": draft.number})
    return RedirectResponse(f"/connections/new/{draft.candidate.connector.name}?{query}", 303)
