"""`crmhub connect`: a system is connected, or signed in to anew; nothing is saved before it was tried."""

from __future__ import annotations

import asyncio
import webbrowser
from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlsplit

import typer
from rich.console import Console
from rich.prompt import Confirm, Prompt

from hub import settings as configuration
from hub.cli.redirect import Redirect
from hub.cli.state import State
from hub.engine import connecting, drafts
from hub.engine.connecting import Candidate
from hub.engine.drafts import Draft
from hub.engine.hub import Hub, vault_of
from hub.errors import AuthFailed, HubError
from hub.registry import Link
from hub.sdk.connector import Checked, Connector
from hub.settings import Question, answers, questions, text_of, value_of

PATIENCE = 600.0
"""Seconds that a person gets to say yes at the vendor."""


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("connect")(connect)


def connect(
    context: typer.Context,
    what: Annotated[str, typer.Argument(metavar="PLUGIN", help="A connector, or a connection that is there.")],
    keys: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]…", help="Its keys; the rest is asked.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="What to call it in config.toml.")] = None,
    token: Annotated[str | None, typer.Option(help="A long-lived token instead of signing in.")] = None,
    code: Annotated[
        str | None, typer.Option(help="The code, or the whole address that the vendor sent back to.")
    ] = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the vendor's page.")] = True,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing.")] = False,
) -> None:
    """Connect a system, or sign in anew to one that is connected; it is tried before anything is saved."""
    state: State = context.obj
    asks = Console().is_terminal and not yes
    with state.hub() as hub:
        candidate = _begin(hub, what, name)
        given = _given(candidate.connector, keys or (), token)
        if asks and not candidate.again:
            given |= _asked(candidate.connector, given, _proposed(hub, candidate))
        candidate = candidate.with_options(given)
        asyncio.run(_connect(hub, candidate, code, browser=browser, asks=asks))


def _begin(hub: Hub, what: str, name: str | None) -> Candidate:
    """The connection of that name as the file has it, else a new one of that connector."""
    there = configuration.load(hub.settings.path).connections
    known = hub.registry.connectors
    found = there.get(name or what)
    if found is not None and what in {found.name, found.plugin}:
        return Candidate(name=found.name, connector=known[found.plugin], options=dict(found.options), again=True)
    if what not in known:
        names = ", ".join(sorted({*known, *there}))
        raise typer.BadParameter(f"there is no connector and no connection {what}; known are {names}")
    if found is not None or (name or what) in connecting.RESERVED:
        raise typer.BadParameter(f"the name {name or what} is taken; give another by --name")
    if not connecting.NAME.fullmatch(name or what):
        raise typer.BadParameter(f"{name} is no name; use Latin letters, digits, - and _")
    return Candidate(name=name or what, connector=known[what])


def _given(connector: Connector, keys: Sequence[str], token: str | None) -> dict[str, Any]:
    """Key → value as they stand on the command line."""
    typed = dict(item.partition("=")[::2] for item in keys) | ({"token": token} if token else {})
    try:
        return answers(questions(connector.settings), typed)
    except ValueError as error:
        raise typer.BadParameter(f"{connector.name}: {error}") from None


def _proposed(hub: Hub, candidate: Candidate) -> Mapping[str, Any]:
    web = hub.settings.web
    own = web.public_url or f"http://{web.host}:{web.port}"
    return {"redirect_uri": f"{own}/oauth/{candidate.name}"}


def _asked(connector: Connector, given: Mapping[str, Any], proposed: Mapping[str, Any]) -> dict[str, Any]:
    """What is needed to get in; whatever may be decided later is not asked."""
    told: dict[str, Any] = {}
    for item in questions(connector.settings, connector.asks):
        if item.first and item.key not in given:
            value = _ask(item, proposed.get(item.key, item.default))
            if value is not None:
                told[item.key] = value
    return told


def _ask(item: Question, default: Any) -> Any:
    typer.echo(f"\n{item.label}: {item.hint}")
    while True:
        shown = text_of(item, default)
        text = Prompt.ask(item.key, default=shown or None, password=item.kind == "secret") or ""
        try:
            value = value_of(item, text)
        except ValueError as error:
            typer.echo(str(error), err=True)
            continue
        if value is not None or not item.required:
            return value


async def _connect(hub: Hub, candidate: Candidate, code: str | None, *, browser: bool, asks: bool) -> None:
    link = candidate.link(vault_of(hub.settings))
    login = link.login
    if login is not None:
        candidate = await _sign_in(hub, candidate, link, code, browser=browser)
        link = candidate.link(vault_of(hub.settings))
    checked = await connecting.tried(hub, candidate, link)
    _tell(checked)
    if not all(item.ok for item in checked):
        typer.echo("nothing saved or changed", err=True)
        raise typer.Exit(1)
    if asks and not Confirm.ask("Save it?", default=True):
        typer.echo("nothing saved or changed", err=True)
        raise typer.Exit(1)
    _said(hub, candidate, link, again=await connecting.save(hub, candidate))


def _tell(checked: Sequence[Checked]) -> None:
    for item in checked:
        typer.echo(f"{'ok  ' if item.ok else 'FAIL'} {item.what}" + (f": {item.problem}" if item.problem else ""))


def _said(hub: Hub, candidate: Candidate, link: Link, *, again: bool) -> None:
    """What was done, what it does not write yet, and whether a running hub knows."""
    done = (
        "is signed in to anew"
        if candidate.again
        else f"is connected: [connections.{candidate.name}] in {hub.settings.path.name}"
    )
    typer.echo(f"{candidate.name} {done}")
    off = {push.switch: None for push in link.offered.values() if push.switch and not push.on}
    if off:
        typer.echo(f"it writes nothing of this until you switch it on in config.toml: {', '.join(off)}")
        typer.echo(f"what would have been written: crmhub effects --preview --connection {candidate.name}")
    if again:
        typer.echo("a running hub takes it over within seconds; else start it: crmhub run")


async def _sign_in(hub: Hub, candidate: Candidate, link: Link, code: str | None, *, browser: bool) -> Candidate:
    """Let a person say yes at the vendor, and take what the vendor gives for it."""
    web = hub.settings.web
    draft = Draft(
        candidate=candidate, redirect=connecting.redirect_uri(link, web.public_url or f"http://{web.host}:{web.port}")
    )
    query, draft = (_query(code), draft) if code else await _consent(hub, draft, link, browser=browser)
    if "error" in query:
        raise AuthFailed(f"{candidate.name} was not allowed ({query['error']}); nothing saved or changed")
    try:
        candidate = draft.candidate
        return await connecting.exchange(hub, candidate, candidate.link(vault_of(hub.settings)), query, draft.redirect)
    except HubError as error:
        raise AuthFailed(f"{error}; nothing saved or changed") from None


def _query(code: str) -> dict[str, str]:
    """What the vendor sent, from the address that the browser was sent to or from the bare code."""
    return dict(parse_qsl(urlsplit(code).query)) if "://" in code else {"code": code}


async def _consent(hub: Hub, draft: Draft, link: Link, *, browser: bool) -> tuple[dict[str, str], Draft]:
    """Open the vendor's page and wait for what it sends back: to the running hub, else to a listener of our own.

    The draft comes back, too: the running hub may have been told keys that belong to it.
    """
    login = link.login
    assert login is not None, "asked for only where there is one"
    address = login.address(link.settings, draft.redirect, draft.state)
    typer.echo(f"Open this address and allow it:\n\n  {address}\n")
    await drafts.keep(hub, draft)
    try:
        async with Redirect(draft.redirect, draft.state) as redirect:
            if browser:
                webbrowser.open(address)
            typer.echo(
                "Waiting for the answer (Ctrl+C gives up). Where it cannot come here: run this again with --code ADDRESS"
            )
            async with asyncio.timeout(PATIENCE):
                while True:
                    found = redirect.query or await drafts.answered(hub, draft)
                    if found:
                        return found, await drafts.anew(hub, draft)
                    await redirect.wait(0.5)
    except TimeoutError:
        raise AuthFailed("nobody allowed it; nothing saved or changed") from None
    finally:
        await drafts.drop(hub, draft)
