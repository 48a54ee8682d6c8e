"""Which charts does a report have, and what do they say to whoever does not see them?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from babel.dates import get_day_names

from hub.charts.drawing import Chart
from hub.core.figures import percentile
from hub.core.summary import FATES, Fate
from hub.letters.bulletin import Bulletin
from hub.texts import N_
from hub.texts.formats import HOURS, MINUTES, SECONDS, Formats

ORDER: tuple[Fate, ...] = ("silent", "lost", "closed", "early", "recovered")
"""From the ground up: the worst stands at the base."""
NAMES: Mapping[Fate, str] = {
    "recovered": N_("recovered"),
    "early": N_("too early to tell"),
    "lost": N_("lost"),
    "silent": N_("lost in silence"),
    "closed": N_("closed by hand"),
}
COLOURS: Mapping[Fate, str] = {
    "recovered": "#3a66db",
    "early": "#8b95a5",
    "lost": "#dd6a1f",
    "silent": "#14181f",
    "closed": "#c9ced7",
}
"""As the charts paint them (charts/theme.json)."""
TICKS = (15, 60, 300, 900, 1800, 3600, 7200, 14_400, 28_800, 57_600, 115_200)


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart of a report. cid: by which the page finds it in its mail. alt: all that it says, as a sentence."""

    cid: str
    title: str
    alt: str
    chart: Chart
    legend: tuple[tuple[str, str], ...] = ()


def pictures(bulletin: Bulletin, formats: Formats) -> tuple[Picture, ...]:
    """The charts that have anything to show."""
    return tuple(picture for draw in (_misses, _response, _heat) for picture in draw(bulletin, formats))


def _misses(bulletin: Bulletin, formats: Formats) -> Iterator[Picture]:
    texts = formats.texts
    total: Counter[Fate] = sum(bulletin.days.values(), Counter())
    if not total.total():
        return
    rows = [
        {"day": day.isoformat(), "fate": fate, "order": order, "n": fates[fate]}
        for day, fates in bulletin.days.items()
        for order, fate in enumerate(ORDER)
        if fates[fate]
    ]
    closed = [{"day": day.isoformat()} for day in bulletin.closed if day in bulletin.days]
    top = max(fates.total() for fates in bulletin.days.values())
    told = [f"{texts.say(NAMES[fate])} {texts.number(total[fate])}" for fate in FATES if total[fate]]
    alt = texts.say(
        "Missed clients by day, %(period)s: %(n)s, of them %(fates)s",
        period=_period(bulletin.days, formats),
        n=texts.number(total.total()),
        fates=", ".join(told),
    )
    yield Picture(
        "misses",
        texts.say("Missed clients by day"),
        alt,
        Chart("misses_by_day", {"misses_by_day": rows, "closed_days": closed}, {"top": max(top * 1.05, 4)}),
        tuple(zip([COLOURS[fate] for fate in FATES if total[fate]], told, strict=True)),
    )


def _response(bulletin: Bulletin, formats: Formats) -> Iterator[Picture]:
    texts = formats.texts
    found = {day: response for day, response in bulletin.response.items() if response.median is not None}
    if len(found) < 3:
        return
    target = bulletin.target
    medians = {day: max(response.median or 0, 1) for day, response in found.items()}
    rows = [
        {
            "day": day.isoformat(),
            "p50": median,
            "p90": max(found[day].p90 or 0, 1),
            "late": target is not None and median > target,
        }
        for day, median in medians.items()
    ]
    ends = [*medians.values(), *(response.p90 or 1 for response in found.values()), *([target] if target else [])]
    low, high = min(ends), max(ends)
    ticks = [tick for tick in TICKS if low / 2 <= tick <= high * 2] or [low]
    ordered = sorted(medians.values())
    alt = texts.say(
        "Median response by day, %(period)s: from %(best)s to %(worst)s, on half of the days up to %(middle)s",
        period=_period(found, formats),
        best=formats.duration(ordered[0]),
        worst=formats.duration(ordered[-1]),
        middle=formats.duration(percentile(ordered, 50)),
    )
    legend = [("#3a66db", texts.say("median of the day")), ("#c6d4fa", texts.say("up to p90"))]
    if any(row["late"] for row in rows):
        legend.insert(1, ("#dd6a1f", texts.say("median above the promise")))
    if target is not None:
        legend.append(("", texts.say("dashed: promised %(time)s", time=formats.duration(target))))
    yield Picture(
        "response",
        texts.say("Response by day"),
        alt,
        Chart(
            "response_trend",
            {"response_trend": rows, "target": [{"x": target}] if target else []},
            {"lengths": [min(low, ticks[0]) * 0.9, max(high, ticks[-1]) * 1.1], "ticks": ticks},
            {"seconds": texts.say(SECONDS), "minutes": texts.say(MINUTES), "hours": texts.say(HOURS)},
        ),
        tuple(legend),
    )


def _heat(bulletin: Bulletin, formats: Formats) -> Iterator[Picture]:
    texts = formats.texts
    heat = {when: n for when, n in bulletin.heat.items() if n}
    if not heat:
        return
    names = get_day_names("abbreviated", locale=texts.language)
    first, last = min(8, *(hour for _, hour in heat)), max(20, *(hour + 1 for _, hour in heat))
    most = max(heat.values())
    rows = [
        {
            "x": hour + 0.04,
            "x2": hour + 0.96,
            "xm": hour + 0.5,
            "y": day + 0.05,
            "y2": day + 0.95,
            "ym": day + 0.5,
            "n": heat.get((day, hour), 0),
            "step": -(-4 * heat.get((day, hour), 0) // most),
        }
        for day in range(7)
        for hour in range(first, last)
    ]
    (day, hour), n = max(heat.items(), key=lambda item: (item[1], item[0]))
    alt = texts.say(
        "Missed calls by weekday and hour: most on %(day)s from %(first)s to %(last)s, %(n)s of %(total)s",
        day=get_day_names("wide", locale=texts.language)[day],
        first=f"{hour}:00",
        last=f"{hour + 1}:00",
        n=texts.number(n),
        total=texts.number(sum(heat.values())),
    )
    yield Picture(
        "heat",
        texts.say("When we miss"),
        alt,
        Chart(
            "heatmap",
            {"heatmap": rows},
            {"hours": [first, last], "ticks": list(range(first + first % 2, last + 1, 2))},
            {"weekdays": [names[day] for day in range(7)]},
        ),
    )


def _period(days: Mapping[date, object], formats: Formats) -> str:
    return span(min(days), max(days), formats)


def span(first: date, last: date, formats: Formats) -> str:
    """`24 November`, `18–24 November`, `28 October – 24 November`."""
    if first == last:
        return formats.date(last)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}–{formats.date(last)}"
    return f"{formats.date(first)} – {formats.date(last)}"
