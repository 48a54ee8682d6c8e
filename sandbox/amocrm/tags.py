"""With which words are cards marked?"""

from __future__ import annotations

from sandbox.amocrm import changes, php, query
from sandbox.amocrm.http import Answer, Call, Route, collection
from sandbox.amocrm.validation import all_of, named, request_id


def index(call: Call, kind: str) -> Answer:
    rows = list(call.account.tags[kind].values())
    wanted = call.params.get("filter")
    wanted = wanted if isinstance(wanted, dict) else {}
    if "name" in wanted:
        rows = [one for one in rows if one["name"] in php.values(wanted["name"])]
    if "id" in wanted:
        rows = [one for one in rows if one["id"] in php.integers(wanted["id"])]
    if words := str(call.params.get("query") or "").lower():
        rows = [one for one in rows if words in one["name"].lower()]
    page, limit = query.paging(call)
    return query.envelope(call, "tags", rows[(page - 1) * limit : page * limit], page, limit)


def add(call: Call, kind: str) -> Answer:
    """A name that is there already gives its id."""
    items = all_of(call.items(), named)
    made = []
    for at, item in enumerate(items):
        id = changes.tag_id(call.account, kind, item["name"], item.get("color"))
        made.append(call.account.tags[kind][id] | {"request_id": request_id(item, at)})
    return collection(call, "tags", made, counted=True)


ROUTES = (
    Route("GET", "/api/v4/{kind}/tags", index),
    Route("POST", "/api/v4/{kind}/tags", add),
)
