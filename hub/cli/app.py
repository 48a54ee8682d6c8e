"""What `crmhub` understands, and what its exit codes mean.

0  done
1  done in part: something was refused or is broken, and it was said what
2  the command line or config.toml is wrong
3  the store cannot be used: it is busy, full or not there
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.exc import DBAPIError

from hub import __version__, log
from hub.cli import (
    connecting,
    demo,
    export,
    importing,
    inviting,
    listing,
    people,
    playing,
    reporting,
    running,
    sandbox,
    setup,
)
from hub.cli.state import State
from hub.engine.lock import Busy
from hub.errors import ConfigError, HubError

app = typer.Typer(
    name="crmhub",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Joins telephony, mail, messengers and CRM, and shows which client waits for you.",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"crmhub {__version__}")
        raise typer.Exit


@app.callback()
def begin(
    context: typer.Context,
    config: Annotated[Path, typer.Option("--config", "-c", help="The configuration.", envvar="CRMHUB_CONFIG")] = Path(
        "config.toml"
    ),
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
    _show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Options for every command."""
    log.configure(level=log_level, human=sys.stderr.isatty())
    context.obj = State(config)


COMMANDS = (
    setup,
    connecting,
    inviting,
    running,
    importing,
    export,
    listing,
    reporting,
    people,
    playing,
    demo,
    sandbox,
)
for module in COMMANDS:
    module.register(app)


def main() -> None:
    """Run a command; an error of ours becomes a sentence and an exit code, never a traceback."""
    try:
        app(standalone_mode=True)
    except ConfigError as error:
        _end(str(error), 2)
    except Busy as error:
        _end(f"{error}; stop it, or let it do the work", 3)
    except (DBAPIError, OSError) as error:
        _end(f"the store or a file cannot be used: {getattr(error, 'orig', None) or error}", 3)
    except HubError as error:
        _end(str(error), 1)


def _end(text: str, code: int) -> None:
    sys.stdout.flush()
    typer.echo(text, err=True)
    sys.exit(code)
