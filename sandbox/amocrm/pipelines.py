"""Through which stages does a lead go?"""

from __future__ import annotations

from sandbox.amocrm import changes
from sandbox.amocrm.account import Account
from sandbox.amocrm.drafts import first_status
from sandbox.amocrm.http import Answer, Call, Refused, Route, collection, hal, nothing, problem
from sandbox.amocrm.types import LOST, WON, Json
from sandbox.amocrm.validation import (
    Check,
    Faults,
    all_of,
    any_value,
    boolean,
    integer,
    nested,
    one_of,
    read,
    request_id,
    require,
    text,
)

_PIPELINE: dict[str, Check] = {"name": text, "sort": integer, "is_main": boolean, "is_unsorted_on": boolean}
_STATUS: dict[str, Check] = {"name": text, "sort": integer, "color": text, "descriptions": any_value}
COLORS = ("#99ccff", "#ffff99", "#ffcc66", "#ffcccc", "#ccff66", "#d6eaff")


def index(call: Call) -> Answer:
    rows = [shown(call, one) for one in call.account.pipelines.values()]
    return collection(call, "pipelines", rows, counted=True)


def one(call: Call, id: int) -> Answer:
    return hal(shown(call, _found(call, id)))


def _found(call: Call, id: int) -> Json:
    pipeline = call.account.pipelines.get(id)
    if pipeline is None:
        raise Refused(problem(404, "Pipeline not found"))
    return pipeline


def shown(call: Call, pipeline: Json) -> Json:
    path = f"/api/v4/leads/pipelines/{pipeline['id']}"
    plain = {key: value for key, value in pipeline.items() if key != "statuses"}
    stages = [_status(call, one) for one in in_order(pipeline)]
    return plain | {"_links": call.self_link(path), "_embedded": {"statuses": stages}}


def in_order(pipeline: Json) -> list[Json]:
    return sorted(pipeline["statuses"], key=lambda one: one["sort"])


def _status(call: Call, stage: Json) -> Json:
    path = f"/api/v4/leads/pipelines/{stage['pipeline_id']}/statuses/{stage['id']}"
    described = {"descriptions": stage.get("descriptions", [])} if "descriptions" in call.wanted else {}
    return (
        {key: value for key, value in stage.items() if key != "descriptions"}
        | described
        | {"_links": call.self_link(path)}
    )


def statuses(call: Call, id: int) -> Answer:
    stages = [_status(call, one) for one in in_order(_found(call, id))]
    return collection(call, "statuses", stages, counted=True)


def status(call: Call, id: int, status_id: int) -> Answer:
    return hal(_status(call, _stage(_found(call, id), status_id)))


def _stage(pipeline: Json, status_id: int) -> Json:
    stage: Json | None = next((one for one in pipeline["statuses"] if one["id"] == status_id), None)
    if stage is None:
        raise Refused(problem(404, "Status not found"))
    return stage


def add(call: Call) -> Answer:
    """New pipelines, each with its own stages and the two ends that all share."""
    call.must_be_admin()
    account, items = call.account, call.items()
    if len(account.pipelines) + len(items) > 50:
        return problem(400, "Pipelines limit exceeded")
    made = []
    for at, given in enumerate(all_of(items, lambda item, faults: _checked(account, item, faults))):
        stages = [str(one["name"]) for one in given.pop("stages")]
        pipeline = new(
            account, given["name"], stages, sort=given.get("sort", 10), is_main=given.get("is_main", False),
            is_unsorted_on=given.get("is_unsorted_on", True),
        )  # fmt: skip
        made.append(shown(call, pipeline) | {"request_id": request_id(items[at], at)})
    return collection(call, "pipelines", made, counted=True)


def _checked(account: Account, item: Json, faults: Faults) -> Json:
    """A pipeline and its own stages; the two ends need not be written."""
    require(item, ("name",), faults)
    stages = []
    for at, one in enumerate(nested(item, "_embedded").get("statuses") or ()):
        if not isinstance(one, dict):
            faults.wrong_type(f"_embedded.statuses.{at}", "array")
        elif one.get("id") not in (WON, LOST):
            require(one, ("name",), faults, f"_embedded.statuses.{at}.")
            stages.append({"name": "", **read(account, one, _STATUS, faults, f"_embedded.statuses.{at}.")})
    return read(account, item, _PIPELINE, faults) | {"stages": stages}


def _checked_status(account: Account, item: Json, faults: Faults) -> Json:
    require(item, ("name",), faults)
    return read(account, item, _STATUS, faults)


def new(
    account: Account, name: str, stages: list[str], *, id: int = 0, first_stage: int = 0, is_unsorted_on: bool = True, sort: int = 1,
    is_main: bool = False,
) -> Json:  # fmt: skip
    """A pipeline whose first regular stages have these names."""
    id = id or account.ids.next("pipelines")
    pipeline = {
        "id": id, "name": name, "sort": sort, "is_main": False, "is_unsorted_on": is_unsorted_on, "is_archive": False,
        "account_id": account.id, "statuses": [],
    }  # fmt: skip
    account.pipelines[id] = pipeline
    for at, stage in enumerate(["Неразобранное", *stages]):
        number = first_stage + at if first_stage else account.ids.next("statuses")
        _add_stage(
            account,
            pipeline,
            number,
            stage,
            (at + 1) * 10,
            COLORS[(at - 1) % 6] if at else "#c1c1c1",
            type=0 if at else 1,
        )
    _add_stage(account, pipeline, WON, "Успешно реализовано", 10_000, "#CCFF66")
    _add_stage(account, pipeline, LOST, "Закрыто и не реализовано", 11_000, "#D5D8DB")
    if is_main or len(account.pipelines) == 1:
        for one in account.pipelines.values():
            one["is_main"] = one is pipeline
    return pipeline


def _add_stage(account: Account, pipeline: Json, id: int, name: str, sort: int, color: str, type: int = 0) -> Json:
    stage = {
        "id": id, "name": name, "sort": sort, "is_editable": type == 0 and id not in {WON, LOST}, "pipeline_id": pipeline["id"],
        "color": color, "type": type, "account_id": account.id,
    }  # fmt: skip
    pipeline["statuses"].append(stage)
    return stage


def change(call: Call, id: int) -> Answer:
    call.must_be_admin()
    pipeline = _found(call, id)
    given = one_of(call.object(), lambda item, faults: read(call.account, item, _PIPELINE, faults))
    becomes_main = given.pop("is_main", False)
    pipeline.update(given)
    if becomes_main:
        for one in call.account.pipelines.values():
            one["is_main"] = one is pipeline
    return hal(shown(call, pipeline))


def delete(call: Call, id: int) -> Answer:
    """One with leads, and the last one, stays."""
    call.must_be_admin()
    account, pipeline = call.account, _found(call, id)
    has_leads = any(row["pipeline_id"] == id for row in account.table("leads").rows.values())
    if has_leads or len(account.pipelines) == 1:
        return problem(400, "Pipeline cannot be deleted")
    del account.pipelines[id]
    if pipeline["is_main"]:
        next(iter(account.pipelines.values()))["is_main"] = True
    return nothing()


def add_statuses(call: Call, id: int) -> Answer:
    call.must_be_admin()
    account, pipeline, items = call.account, _found(call, id), call.items()
    if len(pipeline["statuses"]) + len(items) > 100:
        return problem(400, "Statuses limit exceeded")
    made = []
    for at, given in enumerate(all_of(items, lambda item, faults: _checked_status(account, item, faults))):
        id, sort, color = account.ids.next("statuses"), given.get("sort", 500), given.get("color", COLORS[0])
        stage = _add_stage(account, pipeline, id, given["name"], sort, color)
        if given.get("descriptions"):
            stage["descriptions"] = given["descriptions"]
        made.append(_status(call, stage) | {"request_id": request_id(items[at], at)})
    return collection(call, "statuses", made, counted=True)


def change_status(call: Call, id: int, status_id: int) -> Answer:
    call.must_be_admin()
    stage, item = _stage(_found(call, id), status_id), call.object()
    stage |= one_of(item, lambda written, faults: read(call.account, written, _STATUS, faults))
    return hal(_status(call, stage))


def delete_status(call: Call, id: int, status_id: int) -> Answer:
    """Its leads move to the first stage."""
    call.must_be_admin()
    pipeline = _found(call, id)
    stage = _stage(pipeline, status_id)
    if not stage["is_editable"]:
        return problem(400, "Status cannot be deleted")
    pipeline["statuses"].remove(stage)
    there = [
        row
        for row in call.account.table("leads").rows.values()
        if (row["pipeline_id"], row["status_id"]) == (id, status_id)
    ]
    for row in there:
        changes.change(call.account, "leads", row, {"status_id": first_status(pipeline)}, call.user_id)
    return nothing()


ROUTES = (
    Route("GET", "/api/v4/leads/pipelines", index),
    Route("POST", "/api/v4/leads/pipelines", add),
    Route("GET", "/api/v4/leads/pipelines/{id}", one),
    Route("PATCH", "/api/v4/leads/pipelines/{id}", change),
    Route("DELETE", "/api/v4/leads/pipelines/{id}", delete),
    Route("GET", "/api/v4/leads/pipelines/{id}/statuses", statuses),
    Route("POST", "/api/v4/leads/pipelines/{id}/statuses", add_statuses),
    Route("GET", "/api/v4/leads/pipelines/{id}/statuses/{id}", status),
    Route("PATCH", "/api/v4/leads/pipelines/{id}/statuses/{id}", change_status),
    Route("DELETE", "/api/v4/leads/pipelines/{id}/statuses/{id}", delete_status),
)
