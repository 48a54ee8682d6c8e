"""The commands of the administrator: make a configuration, check it, see the plugins, mend the store."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.prompt import Prompt
from rich.table import Table

from hub import registry, settings
from hub.cli.state import State, catch_up
from hub.core.effects import AddNote, CreateLead, CreateTask, Effect, LogCall
from hub.engine.connecting import check as check_access
from hub.engine.host import lend, trial
from hub.engine.hub import OWN, Hub, load_settings, stored_hub, vault_of
from hub.registry import Link
from hub.sdk.connector import Checked
from hub.settings import Draft, Person
from hub.settings.meanings import Language
from hub.store import inbox, migrate, repairs
from hub.store.database import Priority
from hub.store.keyring import FILE as KEY_FILE
from hub.store.keyring import make_key


def register(app: typer.Typer) -> None:
    """Add these commands."""
    for command, name in (
        (init, "init"),
        (check, "check"),
        (plugins, "plugins"),
        (migrate_store, "migrate"),
        (replay, "replay"),
    ):
        app.command(name)(command)


def init(
    context: typer.Context,
    timezone: Annotated[str | None, typer.Option(help="Zone of the company, for example Europe/Moscow.")] = None,
    country: Annotated[str | None, typer.Option(help="Country of numbers without a code, for example RU.")] = None,
    language: Annotated[str | None, typer.Option(help="ru or en.")] = None,
    line: Annotated[list[str] | None, typer.Option(help="A number of yours; may be repeated.")] = None,
    member: Annotated[list[str] | None, typer.Option(help='"Name, extension, mobile"; may be repeated.')] = None,
    connect: Annotated[str | None, typer.Option(help="Connector of the first connection.")] = None,
    key: Annotated[list[str] | None, typer.Option(help="A key of that connection as name=value.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file that is there.")] = False,
) -> None:
    """Write a commented config.toml, asking what was not given."""
    state: State = context.obj
    if state.config.exists() and not force:
        raise typer.BadParameter(f"{state.config} exists; --force overwrites it")
    ask = Console().is_terminal
    found = registry.load()
    spoken: Language = "en" if (language or _ask("Language (ru, en)", "ru", ask=ask)) == "en" else "ru"
    answers = settings.Answers(
        timezone=timezone or _ask("Time zone", "Europe/Moscow", ask=ask),
        country=country or _ask("Country", "RU", ask=ask),
        language=spoken,
        lines=tuple(line or _ask("Your numbers, with commas", "", ask=ask).replace(",", " ").split()),
        team=tuple(_person(text) for text in member or _ask_people(ask=ask)),
        connections=_drafts(found, connect, dict(item.partition("=")[::2] for item in key or ()), spoken),
    )
    text = settings.template(answers)
    written = settings.parse(text, state.config.absolute())
    state.config.write_text(text, encoding="utf-8")
    make_key(written.data / KEY_FILE)
    typer.echo(f"{state.config} is written; read it, then: crmhub check")


def _ask(question: str, default: str, *, ask: bool) -> str:
    return Prompt.ask(question, default=default) if ask else default


def _ask_people(*, ask: bool) -> list[str]:
    people: list[str] = []
    while ask and (text := Prompt.ask("One of us (name, extension, mobile; empty ends)", default="")):
        people.append(text)
    return people


def _person(text: str) -> Person:
    name, *numbers = [part.strip() for part in text.split(",")]
    extension, mobile = (*numbers, "", "")[:2]
    return Person(name=name, extension=extension or None, mobile=mobile or None)


def _drafts(
    found: registry.Registry, chosen: str | None, given: dict[str, str], language: Language
) -> tuple[Draft, ...]:
    """One section a connector that can be opened; only the chosen one is switched on."""
    if chosen is not None and chosen not in found.connectors:
        raise typer.BadParameter(f"no plugin offers {chosen}; known are {', '.join(sorted(found.connectors))}")
    try:
        values = settings.answers(settings.questions(found.connectors[chosen].settings), given) if chosen else {}
    except ValueError as error:
        raise typer.BadParameter(f"{chosen}: {error}") from None
    return tuple(
        settings.draft(
            "pbx" if connector.telephony else name,
            name,
            connector.settings,
            values if name == chosen else {},
            remark=connector.words.get(language, {}).get(connector.title, connector.title),
            active=name == chosen,
            words=connector.words.get(language),
        )
        for name, connector in sorted(found.connectors.items())
    )


def check(
    context: typer.Context,
    connection: Annotated[str | None, typer.Argument(help="Only this connection.")] = None,
) -> None:
    """Say whether the configuration holds and every system can be reached; nothing is written."""
    state: State = context.obj
    configured, found, links = load_settings(state.config)
    typer.echo(f"{state.config}: {len(configured.rules.groups)} line groups, {len(configured.team.members)} people")
    if connection is not None and connection not in links:
        raise typer.BadParameter(f"there is no connection {connection}; known are {', '.join(links) or 'none'}")
    chosen = [link for name, link in links.items() if connection in {None, name}]
    with stored_hub(configured, found, links) as hub:
        results = asyncio.run(_check_all(configured, hub, chosen))
    for name, result in results:
        typer.echo(
            f"{'ok  ' if result.ok else 'FAIL'} {name}: {result.what}"
            + (f": {result.problem}" if result.problem else "")
        )
    for link in chosen:
        for line in writes(link):
            typer.echo(line)
    if any(not result.ok for _, result in results):
        raise typer.Exit(1)


WRITES: Mapping[type[Effect], str] = {
    CreateTask: "a task to call back after a missed call, closed once the client was reached",
    LogCall: "each call in the client's card, once",
    CreateLead: "a lead for an unknown caller, never a second one for the same number",
    AddNote: "a note where a client was lost in a transfer",
}
"""What a connection may write; corrections go with what they correct."""


def writes(link: Link) -> list[str]:
    """What the connection writes or could write, and which line of its settings decides."""
    told = {effect: push for effect, push in link.offered.items() if effect in WRITES}
    return [
        f"on   {link.name}: writes {WRITES[effect]}"
        if push.on
        else f"off  {link.name}: would write {WRITES[effect]}; switched on by {push.switch}"
        for effect, push in told.items()
    ]


async def _check_all(configured: settings.Settings, hub: Hub | None, links: list[Link]) -> list[tuple[str, Checked]]:
    try:
        hosts = [(link, lend(hub, link) if hub else trial(configured, link)) for link in links]
        return [(link.name, result) for link, host in hosts for result in await check_access(link, host)]
    finally:
        if hub is not None:
            await hub.refreshes.finish()


def plugins(json: Annotated[bool, typer.Option("--json", help="One JSON array.")] = False) -> None:
    """Connectors that are installed, and the keys each needs."""
    found = registry.load()
    rows = [
        {
            "name": name,
            "title": connector.title,
            "distribution": found.sources.get(name, ""),
            "reads_files": connector.read is not None,
            "webhook": connector.webhook is not None,
            "streams": connector.streams is not None,
            "keys": list(connector.settings.model_fields),
        }
        for name, connector in sorted(found.connectors.items())
    ]
    if json:
        typer.echo(orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode())
        return
    table = Table("Name", "What", "From", "Keys", box=None, header_style="bold", pad_edge=False)
    for name, connector in sorted(found.connectors.items()):
        keys = " ".join(connector.settings.model_fields)
        table.add_row(name, connector.title, found.sources.get(name, ""), keys)
    Console().print(table)


def migrate_store(context: typer.Context) -> None:
    """Bring the store to this version's schema; `run` and every other command do it by themselves."""
    state: State = context.obj
    configured, _, _ = load_settings(state.config)
    if configured.database is None:
        configured.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    changed = migrate.upgrade(configured.database_url(vault_of(configured)))
    typer.echo("the store was migrated" if changed else "the store is up to date")


def replay(
    context: typer.Context,
    connection: Annotated[str | None, typer.Option(help="Only this connection.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Everything that is kept, not only what is dead.")] = False,
) -> None:
    """Parse kept items again: dead ones after a fix, all after a changed setting."""
    state: State = context.obj

    async def work(hub: Hub) -> int:
        states = ("dead", "done") if all_ else ("dead",)
        count = await hub.db.write(Priority.BACKFILL, inbox.replay, connection_name=connection, states=states)
        await catch_up(hub)
        await hub.db.write(Priority.BACKFILL, repairs.clear_finished)
        return count

    with state.hub() as hub:
        if connection is not None and connection not in hub.links.keys() | {OWN}:
            raise typer.BadParameter(f"there is no connection {connection}")
        typer.echo(f"{asyncio.run(work(hub))} items are parsed again")
