"""From where do leads of this integration come?"""

from __future__ import annotations

from sandbox.amocrm import php, query
from sandbox.amocrm.drafts import pipeline
from sandbox.amocrm.http import Answer, Call, Refused, Route, collection, hal, nothing, problem
from sandbox.amocrm.types import Json
from sandbox.amocrm.validation import Check, Faults, all_of, any_value, boolean, one_of, read, request_id, require, text

_CHECKS: dict[str, Check] = {
    "name": text, "external_id": text, "pipeline_id": pipeline, "default": boolean, "origin_code": text, "services": any_value,
}  # fmt: skip


def index(call: Call) -> Answer:
    """The integration's own ones."""
    rows = [one for one in call.account.sources.values() if one["client_id"] == call.client_id]
    wanted = call.params.get("filter")
    if isinstance(wanted, dict) and "external_id" in wanted:
        rows = [one for one in rows if one["external_id"] in php.values(wanted["external_id"])]
    return query.dictionary(call, "sources", [_shown(call, one) for one in rows])


def _shown(call: Call, row: Json) -> Json:
    links = call.self_link(f"/api/v4/sources/{row['id']}")
    return {key: value for key, value in row.items() if key != "client_id"} | {"_links": links}


def one(call: Call, id: int) -> Answer:
    row = call.account.sources.get(id)
    return hal(_shown(call, row)) if row and row["client_id"] == call.client_id else nothing()


def _found(call: Call, id: int) -> Json:
    row = call.account.sources.get(id)
    if row is None or row["client_id"] != call.client_id:
        raise Refused(problem(404, "Source not found"))
    return row


def add(call: Call) -> Answer:
    items, account = call.items(), call.account
    if len(account.sources) + len(items) > 100:
        return problem(400, "Sources limit exceeded")
    made = []
    for at, given in enumerate(all_of(items, lambda item, faults: _checked(call, item, faults))):
        row = {
            "id": account.ids.next("sources"), "name": "", "pipeline_id": account.main_pipeline()["id"], "external_id": "",
            "default": False, "origin_code": None, "services": [], **given, "client_id": call.client_id,
        }  # fmt: skip
        account.sources[row["id"]] = row
        made.append(_shown(call, row) | {"request_id": request_id(items[at], at)})
    return collection(call, "sources", made, counted=True)


def _checked(call: Call, item: Json, faults: Faults) -> Json:
    require(item, ("name", "external_id"), faults)
    if any(one["external_id"] == item.get("external_id") for one in call.account.sources.values()):
        faults.add("NotUnique", "external_id", "This value is already used.")
    return read(call.account, item, _CHECKS, faults)


def change_many(call: Call) -> Answer:
    items = call.items()
    rows = [_found(call, item.get("id", 0)) for item in items]
    written = all_of(items, lambda item, faults: read(call.account, item, _CHECKS, faults))
    for row, new in zip(rows, written, strict=True):
        row.update(new)
    return collection(call, "sources", [_shown(call, row) for row in rows], counted=True)


def change_one(call: Call, id: int) -> Answer:
    row = _found(call, id)
    row |= one_of(call.object(), lambda item, faults: read(call.account, item, _CHECKS, faults))
    return hal(_shown(call, row))


def delete_one(call: Call, id: int) -> Answer:
    del call.account.sources[_found(call, id)["id"]]
    return nothing()


def delete_many(call: Call) -> Answer:
    for row in [_found(call, item.get("id", 0)) for item in call.items()]:
        del call.account.sources[row["id"]]
    return nothing()


ROUTES = (
    Route("GET", "/api/v4/sources", index),
    Route("POST", "/api/v4/sources", add),
    Route("PATCH", "/api/v4/sources", change_many),
    Route("DELETE", "/api/v4/sources", delete_many),
    Route("GET", "/api/v4/sources/{id}", one),
    Route("PATCH", "/api/v4/sources/{id}", change_one),
    Route("DELETE", "/api/v4/sources/{id}", delete_one),
)
