"""What must a person do: only what a person can put right, each gone by itself when it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from hub.store import repairs
from hub.texts import N_
from hub.web.desk import Desk, Visitor


@dataclass(frozen=True, slots=True)
class Look:
    """How a kind of repair is told. title and advice: texts with `%(name)s`, what the repair is about."""

    icon: str
    tone: str
    title: str
    advice: str
    href: str = ""


LOOKS: Mapping[str, Look] = {
    "access_refused": Look(
        "key",
        "late",
        N_("%(name)s does not let us in"),
        N_(
            "Correct its access in config.toml and start the hub again; crmhub check %(name)s tells whether it holds. "
            "The others go on, and nothing is lost."
        ),
    ),
    "unreachable": Look(
        "plug",
        "late",
        N_("%(name)s does not answer"),
        N_("It is tried again by itself. If it goes on, see that the system runs and what crmhub check %(name)s says."),
    ),
    "resting": Look(
        "pause",
        "soon",
        N_("%(name)s wants not to be asked for a while"),
        N_(
            "Nothing is lost, and it goes on by itself. If it comes again, look for another program that asks the same "
            "account, or ask the vendor to lift the block."
        ),
    ),
    "no_webhooks": Look(
        "bell",
        "soon",
        N_("%(name)s does not tell us of changes"),
        N_(
            "Everything is still read, only later; it is tried again by itself. See that it can reach [web] public_url."
        ),
    ),
    "silent": Look(
        "bell",
        "soon",
        N_("%(name)s is silent for strangely long"),
        N_(
            "See that it is at work, and what crmhub check %(name)s says. When something comes, this goes by itself; "
            "reports of this time say that they may be incomplete."
        ),
    ),
    "mended": Look(
        "check",
        "",
        N_("%(name)s: a comparison found what had been missed, and put it right"),
        N_("Nothing to do. If it comes again, see whether webhooks arrive, and tell the authors of the plugin."),
    ),
    "dead_items": Look(
        "alert",
        "soon",
        N_("%(name)s: something received could not be understood"),
        N_(
            "It is kept as it came. Put it right at its source, or update the plugin and run crmhub replay "
            "--connection %(name)s."
        ),
        "/deliveries?state=inbox",
    ),
    "dead_effects": Look(
        "send",
        "soon",
        N_("%(name)s refused something for good"),
        N_("Mend what it says, then let it be tried again: crmhub effects --retry KEY."),
        "/deliveries?state=dead",
    ),
    "unknown_effects": Look(
        "send",
        "soon",
        N_("%(name)s: nobody can tell whether something was sent"),
        N_("Look whether it arrived; if it did not, let it be sent once more: crmhub effects --retry KEY."),
        "/deliveries?state=unknown",
    ),
    "no_channel": Look(
        "bell",
        "soon",
        N_("%(name)s cannot be told that clients wait"),
        N_(
            'Give [team.%(key)s] in config.toml a way: notify = ["email:anna@example.ru"]. Until then warnings reach only '
            "those who look here."
        ),
    ),
    "crowd": Look(
        "users",
        "soon",
        N_("%(name)s has more calls and messages than one client can have"),
        N_("If it is a switchboard or a number of yours, add it to [hub] shared_handles or to [lines]."),
    ),
    "bad_address": Look(
        "send",
        "soon",
        N_("%(name)s does not exist: what was written there came back"),
        N_("Put the address right in the CRM, or call. The wait for an answer goes on meanwhile."),
    ),
    "unjudged_call": Look(
        "phone",
        "soon",
        N_("How call %(name)s ended is not known"),
        N_("Give the connection its call records, or look at the call yourself. Until then it counts nowhere."),
    ),
    "identity_too_large": Look(
        "merge",
        "soon",
        N_("Over 200 cards and numbers hang together around %(name)s"),
        N_("Find the switchboard among their numbers and add it to [hub] shared_handles."),
    ),
}
"""By kind; a kind that is not here is told in the words it was noted with."""
_QUOTED = frozenset({"access_refused", "unreachable", "resting", "no_webhooks", "silent", "mended"})
"""Kinds whose title holds what the system itself said."""
SIGN_IN = N_(
    "Sign in to it anew: it then goes on by itself where it stopped. The others go on meanwhile, and nothing is lost."
)
"""Advice where access is refused to a connection that a person signs in to."""


@dataclass(frozen=True, slots=True)
class Told:
    """A repair as a page shows it. details: what the system itself said. sign_in: the connection to sign in to anew."""

    icon: str
    tone: str
    title: str
    advice: str
    details: str
    href: str
    since: datetime
    count: int
    sign_in: str = ""


def told(row: Mapping[str, Any], desk: Desk, visitor: Visitor) -> Told:
    """The repair in the reader's language."""
    say = visitor.texts.say
    look = LOOKS.get(row["kind"])
    own = row["connection"] in desk.hub.links
    href = (look.href if look else "") or (f"/connections/{row['connection']}" if own else "")
    if look is None:
        return Told("alert", "soon", row["title"], row["advice"], "", href, row["since"], row["count"])
    key = row["key"].partition(":")[2]
    name, details = _about(row, key, desk, visitor)
    if row["kind"] in {"crowd", "bad_address"}:
        href = f"/contacts/{key.partition('/')[0]}"
    values = {"name": name, "key": key}
    sign_in = name if row["kind"] == "access_refused" and own and desk.hub.links[name].login is not None else ""
    advice = SIGN_IN if sign_in else look.advice
    return Told(
        look.icon,
        look.tone,
        say(look.title, **values),
        say(advice, **values),
        details,
        href,
        row["since"],
        row["count"],
        sign_in,
    )


def _about(row: Mapping[str, Any], key: str, desk: Desk, visitor: Visitor) -> tuple[str, str]:
    """What the repair is about, and what the system itself said."""
    if row["kind"] == "no_channel":
        return desk.name(visitor, key), ""
    if row["kind"] in {"crowd", "bad_address"}:
        return visitor.formats.handle(row["title"].partition(" ")[0]), ""
    if row["kind"] in {"unjudged_call", "identity_too_large"}:
        return key, ""
    name = row["connection"] or key
    said = row["title"].removeprefix(f"{name}: ") if row["kind"] in _QUOTED else ""
    return name, said


def router(desk: Desk) -> APIRouter:
    """`/repairs`."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/repairs")
    async def to_repair(request: Request) -> Response:
        visitor = desk.visitor(request)
        rows = [told(row, desk, visitor) for row in await desk.hub.db.read(repairs.listing)]
        return await desk.page(request, "repairs.html", here="repairs", visitor=visitor, repairs=rows)

    return routes
