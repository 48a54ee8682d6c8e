"""`crmhub run`: the daemon."""

from __future__ import annotations

import asyncio
import sys

import typer

from hub.cli.state import State


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("run")(run_hub)


def run_hub(context: typer.Context) -> None:
    """Receive, absorb, derive, deliver and serve the pages until SIGTERM or Ctrl+C."""
    from hub import daemon  # noqa: PLC0415 - the web server takes half a second that no other command pays

    state: State = context.obj

    def ready(address: str) -> None:
        if sys.stderr.isatty():
            typer.echo(f"crmhub is at {address}, Ctrl+C ends it", err=True)

    asyncio.run(daemon.run(state.config, ready))
