"""`crmhub sandbox`: one pretend vendor, to try a connection or another program against."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add this command; what follows the vendor's name is his own."""
    settings = {"allow_extra_args": True, "ignore_unknown_options": True, "allow_interspersed_args": False}
    app.command("sandbox", context_settings=settings)(sandbox)


def sandbox(
    context: typer.Context,
    vendor: Annotated[str, typer.Argument(help="Which vendor; --help after it tells his options.")],
) -> None:
    """Pretend to be a vendor: print one JSON line with what a client needs, and serve until SIGTERM."""
    known = _vendors()
    if vendor not in known:
        raise typer.BadParameter(f"there is no {vendor!r}; there are {', '.join(known)}")
    importlib.import_module(f"sandbox.{vendor}").serve(context.args)


def _vendors() -> list[str]:
    """Each package of sandbox/ is a vendor and offers `serve(arguments)`."""
    import sandbox as pretended  # noqa: PLC0415 - named as the command is

    return sorted(found.name for found in pkgutil.iter_modules(pretended.__path__) if found.ispkg)
