"""`crmhub demo`: the hub beside pretend vendors that play a day, in a temporary folder."""

from __future__ import annotations

import asyncio
import tempfile
import webbrowser
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from hub import clock, log
from hub.engine.hub import open_hub
from hub.store import connections

PAST = timedelta(hours=1)
"""How far back the demo counts as live."""


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("demo")(demo)


def demo(
    seconds: Annotated[float | None, typer.Option(help="End by itself after so many seconds.")] = None,
    speed: Annotated[float, typer.Option(help="How many times faster than life the day is played.")] = 10.0,
    port: Annotated[int, typer.Option(help="Port of the pages; 0 takes a free one.")] = 8080,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the pages.")] = True,
) -> None:
    """Look at the hub at work: nothing to configure, nothing left behind."""
    log.configure(level="warning", human=True)
    with tempfile.TemporaryDirectory(prefix="crmhub-demo-") as folder:
        asyncio.run(_play(Path(folder), seconds, speed, port, open_pages=browser and seconds is None))


def _live_since(config: Path, moment: datetime) -> None:
    """Let what the first, fast minutes bring have effects, though it seems to lie in the past."""
    hub = open_hub(config, now=lambda: moment)
    with hub.db.begin() as connection:
        for name in hub.links:
            connections.go_live(connection, name, moment)
    hub.close()


async def _play(folder: Path, seconds: float | None, speed: float, port: int, *, open_pages: bool) -> None:
    from hub import daemon  # noqa: PLC0415 - the web server takes half a second that no other command pays
    from sandbox.stage import Stage  # noqa: PLC0415 - so do the pretend vendors

    stop = asyncio.Event()
    stage = Stage(speed=speed)

    def ready(address: str) -> None:
        typer.echo(f"crmhub demo: {address}  (Ctrl+C ends it)")
        typer.echo(f"the pretend CRM: {stage.crm_page}")
        typer.echo(f"the pretend messenger: {stage.messenger_page}")
        if open_pages:
            webbrowser.open(address)
        if seconds is not None:
            asyncio.get_running_loop().call_later(seconds, stop.set)

    async with stage:
        config = folder / "config.toml"
        config.write_text(stage.config(listen=f"127.0.0.1:{port}"), encoding="utf-8")
        _live_since(config, clock.now() - PAST)
        await daemon.run(config, ready, stop)
    typer.echo("the demo has ended; nothing was left behind")
