"""The command about our own people: when each of us worked (metrics.md 9)."""

from __future__ import annotations

from typing import Annotated

import typer

from hub import clock
from hub.cli.listing import At, From, Json, Row, To, show
from hub.cli.reporting import midnight
from hub.cli.state import catch_up, moment
from hub.engine import workday
from hub.engine.hub import Hub


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("workdays")(list_workdays)


def list_workdays(
    context: typer.Context,
    json: Json = False,
    at: At = None,
    from_: From = None,
    to: To = None,
    member: Annotated[str | None, typer.Option(help="Only this one of us.")] = None,
) -> None:
    """When each of us worked: as planned, as he said, and as his calls and messages show. Today, unless said."""

    async def rows(hub: Hub) -> list[Row]:
        now = moment(at) or clock.now()
        if at is None:
            await catch_up(hub)
        since = moment(from_) or midnight(now, hub.settings.timezone)
        found = await workday.listing(hub, since, moment(to) or now, now)
        return [row for row in found if member is None or row["member"] == member]

    show(
        context,
        rows,
        json,
        {
            "day": "Day",
            "member": "Who",
            "planned_in": "Planned",
            "planned_out": "Until",
            "declared_in": "Came",
            "declared_out": "Went",
            "observed_first": "First seen",
            "observed_last": "Last seen",
            "late": "Late, s",
            "early_out": "Early, s",
            "missing_in": "Missing",
        },
    )
