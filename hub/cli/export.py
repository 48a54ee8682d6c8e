"""`crmhub export`: what is known, in the hub's own format."""

from __future__ import annotations

import asyncio
import sys
from datetime import datetime
from typing import Annotated

import orjson
import typer

from hub.cli.state import State, catch_up, moment
from hub.engine.hub import Hub
from hub.errors import ConfigError, Mistake
from hub.store import facts


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("export")(export_records)


def export_records(
    context: typer.Context,
    connection: Annotated[str | None, typer.Option(help="Whose records; needed when several have some.")] = None,
    from_: Annotated[str | None, typer.Option("--from", help="From this moment on.")] = None,
    to: Annotated[str | None, typer.Option("--to", help="Before this moment.")] = None,
) -> None:
    """Write records as JSON lines to standard output; `crmhub import` reads them."""
    state: State = context.obj
    with state.hub() as hub:
        asyncio.run(_export(hub, connection, moment(from_), moment(to)))


async def _export(hub: Hub, connection: str | None, since: datetime | None, until: datetime | None) -> None:
    await catch_up(hub)
    names = await hub.db.read(facts.connections_with_records)
    if connection is None and len(names) > 1:
        raise ConfigError(
            [
                Mistake(
                    "--connection", f"several connections have records: {', '.join(names)}", f"--connection {names[0]}"
                )
            ],
            hub.settings.path.name,
        )
    after = 0
    while True:
        rows = await hub.db.read(facts.page, connection or (names[0] if names else ""), after, since, until)
        if not rows:
            return
        for row in rows:
            for body in row.bodies:
                sys.stdout.buffer.write(orjson.dumps(body, option=orjson.OPT_APPEND_NEWLINE))
        after = rows[-1].id
