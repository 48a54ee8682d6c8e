"""Which rows does a list request ask for, and how does the answer wrap a page of them?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl, urlencode

from sandbox.amocrm import php
from sandbox.amocrm.account import Account
from sandbox.amocrm.http import Answer, Call, Refused, hal, nothing, problem
from sandbox.amocrm.tables import LATEST, Table
from sandbox.amocrm.types import Json

Test = Callable[[Json], bool]
Filter = Callable[[Account, Any], Test]
"""Takes what stands behind `filter[name]`, answers which rows pass."""


def paging(call: Call, most: int = 250) -> tuple[int, int]:
    """Page, from 1, and rows a page; too large a limit is cut, nonsense is ignored."""
    page, limit = (_positive(call.params.get(key)) for key in ("page", "limit"))
    return min(page or 1, 10**9), min(limit or 50, most)


def _positive(value: object) -> int:
    return int(value) if isinstance(value, str) and value.isdigit() else 0


def envelope(
    call: Call,
    key: str,
    items: Sequence[Json],
    page: int,
    limit: int,
    *,
    total: int | None = None,
    full: bool | None = None,
) -> Answer:
    """A page, or 204 for an empty one. `full`: whether a next page may exist, by default whether this one is full."""
    if not items:
        return nothing()
    more = len(items) >= limit if full is None else full
    links = {"self": page_link(call, page, limit)}
    if more:
        links["next"] = page_link(call, page + 1, limit)
    if page > 1:
        links |= {"first": page_link(call, 1, limit), "prev": page_link(call, page - 1, limit)}
    head: Json = {"_page": page, "_links": links}
    if total is not None:
        pages = -(-total // limit)
        links["last"] = page_link(call, pages, limit)
        head = {"_total_items": total, "_page": page, "_page_count": pages, "_links": links}
    return hal(head | {"_embedded": {key: items}})


def page_link(call: Call, page: int, limit: int) -> Json:
    given = [pair for pair in parse_qsl(call.query, keep_blank_values=True) if pair[0] not in {"page", "limit"}]
    return call.link(f"{call.path.rstrip('/')}?{urlencode([*given, ('limit', limit), ('page', page)])}")


def dictionary(call: Call, key: str, items: Sequence[Json], most: int = 250) -> Answer:
    """A page of a small list that tells its total."""
    page, limit = paging(call, most)
    begin = (page - 1) * limit
    part = items[begin : begin + limit]
    return envelope(call, key, part, page, limit, total=len(items), full=begin + limit < len(items))


@dataclass(frozen=True)
class Listing:
    """How the rows of a table may be chosen and ordered."""

    filters: Mapping[str, Filter]
    orders: tuple[str, ...] = ("updated_at", "id")
    is_bare_range: bool = False
    """Whether `filter[updated_at]=N` means "after"; otherwise it finds nothing."""


def chosen(
    call: Call, table: Table, listing: Listing, *, tests: Sequence[Test] = (), within: set[int] | None = None
) -> tuple[list[Json], int, int]:
    """The rows of the page asked for, the page and its limit. `within`: only these ids."""
    page, limit = paging(call)
    rows, offset = table.rows, (page - 1) * limit
    wanted = call.params.get("filter")
    wanted = wanted if isinstance(wanted, dict) else {}
    passes = [*tests, *_tests(call, wanted, listing)]
    since, until = _range(wanted.get("updated_at"), bare=listing.is_bare_range)
    name, newest_first = _order(call, listing)
    if not passes and name == "updated_at" and within is None and "id" not in wanted:
        page_ids = table.updated_page(since, until, offset, limit, newest_first=newest_first)
        return [rows[id] for id in page_ids], page, limit
    if "id" in wanted:
        named_ids = set(php.integers(wanted["id"]))
        within = named_ids if within is None else within & named_ids
    ids = _candidates(table, within, since, until, name, newest_first=newest_first)
    if not passes:
        return [rows[id] for id in ids[offset : offset + limit]], page, limit
    found = (row for row in map(rows.__getitem__, ids) if all(test(row) for test in passes))
    return list(islice(found, offset, offset + limit)), page, limit


def _tests(call: Call, wanted: php.Tree, listing: Listing) -> Iterator[Test]:
    for name, node in wanted.items():
        if name in listing.filters:
            yield listing.filters[name](call.account, node)


def _order(call: Call, listing: Listing) -> tuple[str, bool]:
    order = call.params.get("order")
    name, direction = next(iter(order.items())) if isinstance(order, dict) and order else ("id", "asc")
    return (name, str(direction).lower() == "desc") if name in listing.orders else ("id", False)


def _candidates(
    table: Table, within: set[int] | None, since: int, until: int, name: str, *, newest_first: bool
) -> Sequence[int]:
    """Ids of the rows that may pass, in order."""
    rows = table.rows
    ids: Iterable[int]
    if within is not None:
        ids = [id for id in within if id in rows and since <= rows[id]["updated_at"] <= until]
    elif (since, until) == (0, LATEST) and name == "id":
        return table.ids[::-1] if newest_first else table.ids
    else:
        ids = table.updated(since, until)
        if name == "updated_at":
            return ids[::-1] if newest_first else ids
    if name == "id":
        return sorted(ids, reverse=newest_first)
    return sorted(ids, key=lambda one: (rows[one][name] or 0, one), reverse=newest_first)


def _range(node: object, *, bare: bool) -> tuple[int, int]:
    if node is None:
        return 0, LATEST
    if isinstance(node, dict):
        return _bound(node.get("from"), 0), _bound(node.get("to"), LATEST)
    return (_bound(node, 0), LATEST) if bare else (LATEST, 0)


def _bound(value: object, otherwise: int) -> int:
    return int(value) if isinstance(value, str) and value.strip().isdigit() else otherwise


def one_of(key: str) -> Filter:
    """`filter[key]` with numbers, one of which the row has."""

    def build(account: Account, node: Any) -> Test:
        wanted = set(php.integers(node))
        return lambda row: row[key] in wanted

    return build


def named(key: str) -> Filter:
    """`filter[key]` with texts, one of which the row has."""

    def build(account: Account, node: Any) -> Test:
        wanted = {str(value) for value in node.values()} if isinstance(node, dict) else {str(node)}
        wanted |= set(php.values(node))
        return lambda row: str(row[key]) in wanted

    return build


def between(key: str) -> Filter:
    """`filter[key][from|to]`, both ends included; a bare value finds nothing."""

    def build(account: Account, node: Any) -> Test:
        since, until = _range(node, bare=False)
        return lambda row: row[key] is not None and since <= row[key] <= until

    return build


def flag(key: str) -> Filter:
    def build(account: Account, node: Any) -> Test:
        wanted = {value in {"1", "true"} for value in php.values(node)}
        return lambda row: row[key] in wanted

    return build


def must_filter(call: Call) -> None:
    """Filters of cards are a paid extra; raises Refused where the account lacks it."""
    if "filter" in call.params and not call.account.settings["is_api_filter_enabled"]:
        raise Refused(problem(402, "Фильтрация недоступна на вашем тарифе"))
