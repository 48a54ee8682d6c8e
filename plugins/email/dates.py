"""When was a mail written, and when did it count? Dates as programs write them (contract 6.3, 11.6)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan янв",
            "feb фев",
            "mar мар",
            "apr апр",
            "may май мая",
            "jun июн",
            "jul июл",
            "aug авг",
            "sep сен",
            "oct окт",
            "nov ноя",
            "dec дек",
        ),
        1,
    )
    for name in names.split()
}
_ZONES = {"msk": 3, "msd": 4, "eet": 2, "eest": 3, "cet": 1, "cest": 2, "est": -5, "edt": -4, "cst": -6, "cdt": -5}
_ZONES |= {"mst": -7, "mdt": -6, "pst": -8, "pdt": -7, "ut": 0, "utc": 0, "gmt": 0}
_DATE = re.compile(
    r"(?P<day>\d{1,2})[\s.-]{1,3}(?P<month>[^\W\d_]{3,9})\.?[\s.-]{1,3}(?P<year>\d{4}|\d{2})\s*(?:г\.?)?,?\s+"
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))?(?:\.\d+)?\s*(?P<half>[ap]m)?\s*"
    r"(?P<zone>(?:gmt|utc)?\s*[+-]\d{1,2}:?\d{2}|(?:gmt|utc)\s*[+-]\d{1,2}|[a-z]{1,5})?",
    re.IGNORECASE,
)
_OFFSET = re.compile(r"(?:gmt|utc)?\s*([+-])(\d{1,2}?):?(\d{2})?", re.IGNORECASE)
CLOCKS_DIFFER = timedelta(minutes=10)
"""How much earlier than its arrival in the folder the date of a mail of ours is believed."""
MOVED = timedelta(days=1)
"""A folder got the mail so much later than a server of ours: it was moved there from elsewhere."""
AHEAD = timedelta(minutes=5)
"""How far a server's clock may be ahead of ours."""


def read(text: str) -> datetime | None:
    """The moment that a Date or Received field names, UTC; None where it names none. Without a zone: UTC."""
    found = _DATE.search(text[:500])
    if found is None:
        return None
    month = _MONTHS.get(found["month"][:3].lower())
    if month is None:
        return None
    year = int(found["year"])
    if year < 100:
        year += 1900 if year >= 70 else 2000
    hour = int(found["hour"])
    if found["half"]:
        hour = hour % 12 + (12 if found["half"].lower() == "pm" else 0)
    try:
        local = datetime(year, month, int(found["day"]), 0, 0, tzinfo=_zone(found["zone"] or ""))
        moment = local + timedelta(hours=hour, minutes=int(found["minute"]), seconds=min(int(found["second"] or 0), 59))
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _zone(text: str) -> timezone:
    text = text.strip().lower()
    if text in _ZONES:
        return timezone(timedelta(hours=_ZONES[text]))
    found = _OFFSET.fullmatch(text)
    if found is None:
        return UTC
    size = timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
    return timezone(-size if found[1] == "-" else size) if size < timedelta(hours=24) else UTC


def counted(
    *, outgoing: bool, written: datetime | None, internal: datetime | None, received: datetime | None, seen: datetime
) -> datetime:
    """The moment that counts for waits.

    written: by the Date field. internal: INTERNALDATE. received: by the topmost Received field. seen: when the hub got
    the mail; nothing happened later than that. What comes in counts from our server's clock, never from the client's; what
    we sent from its Date where that is close before it lay in the folder.
    """
    latest = seen + AHEAD
    if outgoing and written is not None and internal is not None:
        believed = written if internal - CLOCKS_DIFFER <= written <= internal else internal
    elif outgoing:
        believed = internal or written or received or seen
    else:
        moved = internal is not None and received is not None and internal - received > MOVED
        believed = (received if moved else internal) or received or written or seen
    return (
        believed
        if believed <= latest
        else min((at for at in (received, internal, written) if at is not None and at <= latest), default=seen)
    )
