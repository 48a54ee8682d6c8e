"""Which days does a country's production calendar close, move or shorten?

Three sources: a file of the operator's, a file shipped here (Russia), and the `holidays` library for every other country,
which knows public holidays only.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Annotated

import holidays
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hub.core.hours import ProductionCalendar, ProductionDay

SHIPPED = Path(__file__).with_name("countries")
YEARS = range(2018, 2036)
"""Years for which the library is asked where no file says more."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Closed(_Strict):
    """One date (`on`) or a run of dates, both ends inclusive."""

    on: date | None = None
    from_: Annotated[date | None, Field(alias="from")] = None
    to: date | None = None
    why: str = ""

    @model_validator(mode="after")
    def _named_once(self) -> _Closed:
        if (self.on is None) == (self.from_ is None or self.to is None):
            raise ValueError("give either on, or from and to")
        return self

    def dates(self) -> Iterator[date]:
        if self.on:
            yield self.on
        elif self.from_ and self.to:
            for number in range((self.to - self.from_).days + 1):
                yield self.from_ + timedelta(days=number)


class _Moved(_Strict):
    on: date
    for_: Annotated[date, Field(alias="for")]


class _Year(_Strict):
    source: str = ""
    closed: tuple[_Closed, ...] = ()
    working: tuple[_Moved, ...] = ()
    shortened: tuple[date, ...] = ()

    def days(self) -> dict[date, ProductionDay]:
        days = {on: ProductionDay(on, closed=True, why=run.why) for run in self.closed for on in run.dates()}
        short = set(self.shortened)
        for moved in self.working:
            days[moved.on] = ProductionDay(moved.on, moved_from=moved.for_, shortened=moved.on in short)
        for on in short - days.keys():
            days[on] = ProductionDay(on, shortened=True)
        return days


@lru_cache(maxsize=64)
def production_calendar(name: str, folder: Path = Path()) -> ProductionCalendar:
    """The calendar of a country code (`RU`) or of a file ending in `.toml`, relative to `folder`.

    ValueError, with what to do, when there is no such country or the file cannot be used.
    """
    if name.endswith(".toml"):
        path = folder / name
        return _from_file(path) if path.is_file() else _missing(path)
    code = name.upper()
    shipped = SHIPPED / f"{code}.toml"
    known = _from_file(shipped) if shipped.is_file() else ProductionCalendar(code, ())
    return _filled(known)


def _missing(path: Path) -> ProductionCalendar:
    raise ValueError(f'there is no file {path}; name a country ("RU") or a file beside config.toml')


def _from_file(path: Path) -> ProductionCalendar:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        country = str(content.pop("country", path.stem))
        days: dict[date, ProductionDay] = {}
        for year, body in content.items():
            days |= _Year.model_validate(body).days() if year.isdecimal() else _unknown(year)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ValueError(
            f"{path.name}: [{year}] {place}: {first['msg']}; the shipped RU.toml shows the form"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name}: {error}; the shipped RU.toml shows the form") from error
    return ProductionCalendar(country, tuple(days[on] for on in sorted(days)))


def _unknown(key: str) -> dict[date, ProductionDay]:
    raise ValueError(f'"{key}" is neither "country" nor a year such as [2026]; the shipped RU.toml shows the form')


def _filled(known: ProductionCalendar) -> ProductionCalendar:
    """The same, with the public holidays of the years about which nothing is known."""
    told = {day.on.year for day in known.days}
    years = [year for year in YEARS if year not in told]
    try:
        found = holidays.country_holidays(known.country, years=years)
    except NotImplementedError as error:
        raise ValueError(
            f'no production calendar of "{known.country}" is known; name a country by its two letters ("DE") or a file'
        ) from error
    days = {on: ProductionDay(on, closed=True, why=why) for on, why in found.items() if on.year in years}
    return ProductionCalendar(known.country, tuple(sorted((*known.days, *days.values()), key=lambda day: day.on)))
