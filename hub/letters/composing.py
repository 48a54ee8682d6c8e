"""How is a report said: a subject that holds the facts, a page that mail programs bear, and the same in plain text?

The page is made of tables with styles in place, names no address but the hub's own and is legible with pictures off.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from babel.dates import format_date
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from hub.charts.drawing import Chart
from hub.core.handles import kind_of
from hub.core.summary import FATES, Client, Deal, Person, Response, Summary, Waiting
from hub.letters.bulletin import Bulletin, Gap
from hub.letters.pictures import NAMES, Picture, pictures, span
from hub.texts import N_
from hub.texts.formats import Formats

TEMPLATES = Path(__file__).parent / "templates"
LONGEST = 120
"""Signs of a name that are shown."""
LARGEST = 95_000
"""Bytes of a page: Gmail cuts at 102 KB, and the hidden end would look like nothing was lost."""
ROWS = (20, 10, 5)
"""Lines of each list, fewer where the page would grow too large."""
SIGNS: Mapping[str, str] = {"RUB": "₽", "USD": "$", "EUR": "€", "KZT": "₸"}
GAPS = 5
"""Lines about sources that were not to be had: the last ones."""
CHANNELS: Mapping[str, str] = {"email": N_("E-mail"), "sms": "SMS", "webchat": N_("Chat on the site")}
KINDS: Mapping[str, str] = {
    "missed_call": N_("Missed call"),
    "lost_in_transfer": N_("Lost in a transfer"),
    "awaiting_reply": N_("Message"),
    "new_lead": N_("Lead"),
}


@dataclass(frozen=True, slots=True)
class Letter:
    """A report in words. charts: content id → the picture that the page shows there."""

    title: str
    text: str
    html: str
    charts: Mapping[str, Chart]


def compose(bulletin: Bulletin, formats: Formats, *, with_pictures: bool = True) -> Letter:
    """The letter. with_pictures: else their sentences stand in their place, as where nothing can be drawn."""
    drawn = pictures(bulletin, formats)
    title = _title(bulletin, formats)
    html = ""
    for most in ROWS:
        html = _rendered("report.html", bulletin, formats, drawn, most, title=title, with_pictures=with_pictures)
        if len(html.encode()) <= LARGEST:
            break
    text = _rendered("report.txt", bulletin, formats, drawn, ROWS[0], title=title, with_pictures=False)
    charts = {picture.cid: picture.chart for picture in drawn} if with_pictures else {}
    return Letter(title, text, html, charts)


def _rendered(
    template: str,
    bulletin: Bulletin,
    formats: Formats,
    drawn: Sequence[Picture],
    most: int,
    *,
    title: str,
    with_pictures: bool,
) -> str:
    texts, summary = formats.texts, bulletin.summary
    is_page = template.endswith(".html")
    rendered = (
        _environment()
        .get_template(template)
        .render(
            _=texts.markup if is_page else texts.say,
            ngettext=texts.markup_count if is_page else texts.count,
            f=formats,
            language=texts.language,
            s=summary,
            own=summary.scope.member is not None,
            title=title,
            preheader=_preheader(bulletin, formats),
            heading_text=_heading(bulletin, formats),
            scope=_scope(bulletin),
            as_of=texts.say("as of %(moment)s", moment=_as_of(bulletin, formats)),
            gaps=[_gap(gap, formats) for gap in bulletin.gaps[-GAPS:]],
            figures=_figures(bulletin, formats),
            before=_before(bulletin, formats),
            pictures=drawn,
            with_pictures=with_pictures,
            most=most,
            people=_worth_telling(summary.people),
            footer=_footer(formats),
            name=lambda client: _name(client, formats),
            person=lambda key: _person(bulletin, key, formats),
            what=lambda client: _what(client, formats),
            waited=lambda one: _waited(one, formats),
            amount=lambda deal: _amount(deal, formats),
            cut=_cut,
            percent=_percent,
            values=lambda values: ", ".join(map(formats.duration, values)),
            page=lambda path: f"{bulletin.url}{path}" if bulletin.url else None,
        )
    )
    lines = rendered.strip() if is_page else re.sub(r"\n{3,}", "\n\n", rendered.strip())
    return lines + "\n"


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(("html",)),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )


# The head


def _heading(bulletin: Bulletin, formats: Formats) -> str:
    """`Tuesday, 24 November`, `The week of 18–24 November`, `November 2026`."""
    if bulletin.name == "daily":
        weekday = format_date(bulletin.last, "EEEE", locale=formats.texts.language)
        return _capital(f"{weekday}, {formats.date(bulletin.last)}")
    if bulletin.name == "weekly":
        return formats.texts.say("Week of %(days)s", days=span(bulletin.first, bulletin.last, formats))
    return _capital(format_date(bulletin.last, "LLLL y", locale=formats.texts.language))


def _title(bulletin: Bulletin, formats: Formats) -> str:
    """The subject: `Tuesday, 24 November: 11 missed, 8 recovered, 2 still wait`."""
    texts, summary = formats.texts, bulletin.summary
    facts = [
        texts.count("%(n)s missed call", "%(n)s missed calls", summary.missed) if summary.missed else "",
        texts.say("%(n)s recovered", n=texts.number(summary.fates["recovered"]))
        if summary.fates.get("recovered")
        else "",
        texts.count("%(n)s silently lost", "%(n)s silently lost", len(summary.silent)) if summary.silent else "",
        texts.count("%(n)s still waits", "%(n)s still wait", len(summary.waiting)) if summary.waiting else "",
    ]
    told = [fact for fact in facts if fact]
    if not summary.missed:
        told.insert(0, texts.say("no missed calls"))
    if not summary.waiting:
        told.append(texts.say("nobody waits"))
    return f"{_heading(bulletin, formats)}: {', '.join(told)}".replace("\u00a0", " ")


def _scope(bulletin: Bulletin) -> str:
    scope = bulletin.summary.scope
    if scope.member is not None:
        member = bulletin.team.members.get(scope.member)
        return member.name if member else scope.member
    return ", ".join(sorted(scope.groups or ()))


def _as_of(bulletin: Bulletin, formats: Formats) -> str:
    """The time alone on the day that the report is about, else with its day."""
    at = bulletin.summary.at
    return (
        formats.clock(at)
        if formats.local(at).date() == bulletin.last
        else f"{formats.date(formats.local(at).date())}, {formats.clock(at)}"
    )


def _gap(gap: Gap, formats: Formats) -> str:
    source, since = _cut(gap.connection), formats.moment(gap.since)
    if gap.until is None:
        return formats.texts.say("%(source)s: no data since %(moment)s", source=source, moment=since)
    until = formats.moment(gap.until)
    return formats.texts.say("%(source)s: no data from %(since)s to %(until)s", source=source, since=since, until=until)


def _preheader(bulletin: Bulletin, formats: Formats) -> str:
    """What a list of mails shows behind the subject."""
    return ". ".join(f"{one.label}: {one.value}" for one in _figures(bulletin, formats)[1:])


# The figures


@dataclass(frozen=True, slots=True)
class Shown:
    """One of the four figures. sub: what stands below it; bad: something is broken now."""

    label: str
    value: str
    sub: str
    bad: bool = False


def _figures(bulletin: Bulletin, formats: Formats) -> list[Shown]:
    summary, texts = bulletin.summary, formats.texts
    return [
        _missed(summary, formats),
        _recovered(summary, formats),
        Shown(
            texts.say("Silently lost in 7 days"),
            texts.number(len(summary.silent)),
            _name(summary.silent[0], formats) if len(summary.silent) == 1 else "",
            bad=bool(summary.silent),
        ),
        _median(summary.response, formats),
    ]


def _missed(summary: Summary, formats: Formats) -> Shown:
    texts, label = formats.texts, formats.texts.say("Missed")
    if summary.miss_rate is None:
        return Shown(label, "–", texts.say("no data: no calls came in"))
    sub = texts.say("of %(n)s inbound, %(share)s", n=texts.number(summary.inbound), share=_percent(summary.miss_rate))
    if summary.missed_off_hours:
        sub += ", " + texts.say("%(n)s off hours", n=texts.number(summary.missed_off_hours))
    return Shown(label, texts.number(summary.missed), sub)


def _recovered(summary: Summary, formats: Formats) -> Shown:
    texts, fates = formats.texts, summary.fates
    reached, missed = fates.get("recovered", 0), sum(fates.values())
    label = texts.say("Clients recovered")
    if not missed:
        return Shown(label, "–", texts.say("no data: nobody was missed"))
    on_time = reached and summary.in_time is not None
    told = [texts.say("%(n)s on time", n=texts.number(summary.in_time or 0)) if on_time else ""]
    told += [f"{texts.say(NAMES[fate])} {texts.number(fates[fate])}" for fate in FATES[1:] if fates.get(fate)]
    value = texts.say("%(part)s of %(whole)s", part=texts.number(reached), whole=texts.number(missed))
    return Shown(label, value, ", ".join(filter(None, told)))


def _median(response: Response, formats: Formats) -> Shown:
    texts, label = formats.texts, formats.texts.say("Median response")
    if response.median is None:
        return Shown(label, "–", texts.say("no data: nobody was answered in writing"))
    if response.values:
        told = ", ".join(map(formats.duration, response.values))
        return Shown(
            label, formats.duration(response.median), texts.say("n = %(n)s: %(values)s", n=response.n, values=told)
        )
    p90 = formats.duration(response.p90)
    sub = texts.say("n = %(n)s, p90 %(time)s", n=texts.number(response.n), time=p90)
    if response.promised:
        sub += ", " + texts.say("%(share)s on time", share=_percent(response.in_time / response.promised))
    return Shown(label, formats.duration(response.median), sub)


def _before(bulletin: Bulletin, formats: Formats) -> str:
    """What came in since the report before and belongs to no report's day; empty where nothing did."""
    before, texts = bulletin.before, formats.texts
    if before is None or not before.missed:
        return ""
    told = [texts.count("%(n)s missed call", "%(n)s missed calls", before.missed)]
    told += [f"{texts.say(NAMES[fate])} {texts.number(before.fates[fate])}" for fate in FATES if before.fates.get(fate)]
    since = formats.moment(before.since)
    return texts.say(
        "Since the last report (%(moment)s) and before this day: %(facts)s.", moment=since, facts=", ".join(told)
    )


def _footer(formats: Formats) -> str:
    return formats.texts.say(
        "Response and waiting times are in working time. Who gets reports, and when, is set in [reports] of the hub's configuration."
    )


# Parts


def _name(client: Client, formats: Formats) -> str:
    return _cut(client.name or formats.handle(client.handle) or "–")


def _person(bulletin: Bulletin, key: str | None, formats: Formats) -> str | None:
    member = bulletin.team.members.get(key or "")
    return _cut(member.name if member else formats.handle(key)) if key else None


def _what(client: Client, formats: Formats) -> str:
    """What he waits with, and his number where he has a name."""
    channel = client.channel
    kind = CHANNELS.get(channel, channel.capitalize()) if channel else KINDS.get(client.kind, client.kind)
    known = client.name and client.handle and kind_of(client.handle) in {"phone", "email"}
    return ", ".join(filter(None, (formats.texts.say(kind), formats.handle(client.handle) if known else "")))


def _worth_telling(people: Sequence[Person]) -> list[Person]:
    """Those with anything to their name, the busiest first; then those who are away."""
    told = [person for person in people if person.missed or person.response.n or person.waiting or person.away]
    return sorted(told, key=lambda person: (-person.waiting, -person.response.n, -person.missed, person.member))


def _waited(one: Waiting, formats: Formats) -> str:
    """How long he has waited in working time; where no hours are known by the clock, and it says so."""
    if one.working is None:
        return formats.texts.say("%(time)s by the clock", time=formats.duration(one.wall))
    return formats.duration(one.working)


def _amount(deal: Deal, formats: Formats) -> str:
    if deal.amount is None:
        return ""
    whole = formats.number(round(deal.amount))
    return f"{whole}\u00a0{SIGNS.get(deal.currency or '', deal.currency or '')}".strip()


def _percent(share: float) -> str:
    """Never 100 % of what is not whole, never 0 % of something."""
    whole = round(100 * share)
    if whole == 100 and share < 1:
        return "> 99\u00a0%"
    return f"{whole}\u00a0%" if whole or not share else "< 1\u00a0%"


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else text[: LONGEST - 1].rstrip() + "…"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
