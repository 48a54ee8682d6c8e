"""`crmhub invite`: a one-time code by which one of us links an account of his."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import orjson
import typer

from hub.cli.listing import Json
from hub.cli.state import State
from hub.engine.host import lend
from hub.engine.hub import Hub
from hub.errors import HubError
from hub.store import staff
from hub.store.database import Priority


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("invite")(invite)


def invite(
    context: typer.Context,
    member: Annotated[str, typer.Argument(help="Who: a key of [team].")],
    json: Json = False,
) -> None:
    """Print a code by which one of us links his messenger, so that notices reach him there. It works once, for an hour."""
    state: State = context.obj
    with state.hub() as hub:
        if member not in hub.settings.team.members:
            known = ", ".join(hub.settings.team.members) or "none"
            raise typer.BadParameter(f"there is no [team.{member}]; known are {known}")
        made = asyncio.run(_invite(hub, member))
        if json:
            sys.stdout.buffer.write(orjson.dumps([made], option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_INDENT_2))
            return
        until = made["expires_at"].astimezone(ZoneInfo(hub.settings.timezone))
        typer.echo(
            f"{hub.settings.team.members[member].name} links his account by one of these, once, until {until:%H:%M}:"
        )
        for name, link in made["links"].items():
            typer.echo(f"  {name}: {link}")
        typer.echo(f"  or by writing to the bot: /start {made['code']}")


async def _invite(hub: Hub, member: str) -> dict[str, Any]:
    now = hub.now()
    code = await hub.db.write(Priority.SETTLE, staff.invite, member, now)
    links: dict[str, str] = {}
    for link in hub.links.values():
        if link.connector.invitation is None or link.connector.open is None or link.problem is not None:
            continue
        try:
            async with link.connector.open(link.settings, lend(hub, link)) as client:
                links[link.name] = await link.connector.invitation(client, code)
        except HubError as error:
            typer.echo(f"{link.name}: {error}", err=True)
    return {"member": member, "code": code, "expires_at": now + staff.VALID, "links": links}
