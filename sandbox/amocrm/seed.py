"""What is in a fresh account? The same seed gives the same people, numbers and ids."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

from sandbox.amocrm import drafts, fields, pipelines
from sandbox.amocrm.account import Account, Clock, Ids
from sandbox.amocrm.directory import new_user
from sandbox.amocrm.hooks import Hooks
from sandbox.amocrm.oauth import Authority
from sandbox.amocrm.types import LOST, WON, Json
from sandbox.amocrm.world import World

ACCOUNT, ADMIN, MANAGER, FREE = 30215544, 8100001, 8100002, 8100003
PIPELINE, SECOND_PIPELINE = 3100, 3101
PHONE, EMAIL = 70011, 70012
REDIRECT = "https://hub.example/oauth/callback"
DAY = 86_400

_HIM = ("Пётр", "Иван", "Сергей", "Алексей", "Дмитрий", "Андрей", "Михаил", "Егор")
_HER = ("Анна", "Ольга", "Мария", "Елена", "Наталья", "Ирина", "Светлана", "Юлия")
_LAST = ("Ильин", "Белов", "Орлов", "Смирнов", "Петров", "Волков", "Соколов", "Лебедев", "Козлов", "Новиков", "Морозов")
_FIRMS = (
    "Восток",
    "Север",
    "Технострой",
    "Агроснаб",
    "Промсервис",
    "Вектор",
    "Меридиан",
    "Альянс",
    "Горизонт",
    "Монолит",
)
_DEALS = (
    "Поставка насосов",
    "Монтаж вентиляции",
    "Обслуживание склада",
    "Ремонт офиса",
    "Поставка кабеля",
    "Проект котельной",
)


def world(*, contacts: int = 30, seed: int = 1, redirect_uri: str = REDIRECT) -> World:
    """A fresh vendor with one account."""
    dice, clock = random.Random(seed), Clock()
    authority = Authority(random.Random(f"tokens/{seed}"))
    account = new_account(ACCOUNT, "vostok", "Восток", clock, seed)
    people(account, dice, contacts)
    integration = authority.register(redirect_uri)
    return World({"vostok": account}, account, authority, integration, ADMIN, seed=seed, clock=clock)


def new_account(id: int, subdomain: str, name: str, clock: Clock, seed: int) -> Account:
    """An account with its dictionaries and no cards: three users, two pipelines."""
    dice = random.Random(f"{subdomain}/{seed}")
    account = Account(id, subdomain, name, Hooks(random.Random(f"hooks/{seed}")), Ids(dice), clock)
    account.settings = {
        "is_api_filter_enabled": True, "is_paid": True, "is_unsorted_on": True, "duplicate_control": False, "customers_mode": "segments",
        "amojo_id": account.ids.uuid(), "uuid": account.ids.uuid(),
    }  # fmt: skip
    account.groups = [{"id": 0, "name": "Отдел продаж", "uuid": None}, {"id": 1201, "name": "Поддержка", "uuid": None}]
    account.task_types = [
        {"id": 1, "name": "Связаться", "color": None, "icon_id": None, "code": "FOLLOW_UP"},
        {"id": 2, "name": "Встреча", "color": None, "icon_id": None, "code": "MEETING"},
    ]
    new_user(account, "Ольга Белова", "olga@example.ru", id=ADMIN, is_admin=True, phone="101")
    new_user(account, "Пётр Сидоров", "petr@example.ru", id=MANAGER, group_id=1201, phone="102")
    new_user(account, "Глеб Орлов", "gleb@example.ru", id=FREE, is_free=True)
    stages = ["Первичный контакт", "Переговоры", "Принимают решение", "Согласование договора"]
    pipelines.new(account, "Продажи", stages, id=PIPELINE, first_stage=32001, is_main=True)
    pipelines.new(account, "Сервис", ["Заявка", "В работе"], id=SECOND_PIPELINE, first_stage=32011, sort=2)
    now = account.now()
    for number, reason in ((4001, "Слишком дорого"), (4002, "Пропала потребность"), (4003, "Не устроили условия")):
        account.loss_reasons[number] = {
            "id": number,
            "name": reason,
            "sort": number * 10,
            "created_at": now,
            "updated_at": now,
        }
    _fields(account)
    return account


def _fields(account: Account) -> None:
    for kind, first in (("contacts", 70001), ("companies", 70051), ("leads", 70019), ("customers", 70091)):
        account.fields[kind] = {}
        account.field_groups[kind] = []
        for field in _predefined(account, kind, first):
            account.fields[kind][field["id"]] = field


def _predefined(account: Account, kind: str, first: int) -> Iterator[Json]:
    built_in = {"is_deletable": False, "is_predefined": True}
    if kind in {"contacts", "companies"}:
        enums = 88001 if kind == "contacts" else 88051
        if kind == "contacts":
            yield fields.definition(account, kind, "Должность", "text", id=first, code="POSITION", sort=2, **built_in)
        yield fields.definition(
            account, kind, "Телефон", "multitext", id=first + 10, code="PHONE", sort=4,
            enums=_enums(fields.PHONE_CODES, enums), **built_in,
        )  # fmt: skip
        yield fields.definition(
            account, kind, "Email", "multitext", id=first + 11, code="EMAIL", sort=6,
            enums=_enums(fields.EMAIL_CODES, enums + 20), **built_in,
        )  # fmt: skip
        if kind == "companies":
            yield fields.definition(account, kind, "Web", "url", id=first + 12, code="WEB", sort=8, **built_in)
            yield fields.definition(
                account, kind, "Адрес", "textarea", id=first + 13, code="ADDRESS", sort=10, **built_in
            )
        else:
            yield fields.definition(
                account, kind, "Мгн. сообщения", "multitext", id=first + 13, code="IM", sort=8,
                enums=_enums(fields.IM_CODES, enums + 30), **built_in,
            )  # fmt: skip
            yield fields.definition(account, kind, "День рождения", "birthday", id=first + 14)
    else:
        tariffs = [
            {"id": first + 18082 + at, "value": name, "sort": at, "code": None}
            for at, name in enumerate(("Базовый", "Полный"))
        ]
        yield fields.definition(account, kind, "Тариф", "select", id=first + 1, enums=tariffs)
        yield fields.definition(account, kind, "Номер договора", "text", id=first + 2)
        yield fields.definition(account, kind, "Дата отгрузки", "date", id=first + 12)


def _enums(codes: tuple[str, ...], first: int) -> list[Json]:
    return [{"id": first + 2 * at, "value": code, "sort": 2 * at + 2, "code": code} for at, code in enumerate(codes)]


def people(account: Account, dice: random.Random, count: int) -> None:
    """Exactly `count` contacts, with companies, leads and tasks that fit."""
    now = account.now()
    begin = now - now % DAY - 400 * DAY
    companies = _load(account, "companies", min(count // 5, 500), dice, begin)
    contacts = _load(account, "contacts", count, dice, begin)
    leads = _load(account, "leads", min(count // 2, 1000), dice, begin)
    for at, id in enumerate(contacts):
        if companies and at % 5 == 0:
            account.links.add(("contacts", id), ("companies", companies[at // 5 % len(companies)]))
    for at, id in enumerate(leads):
        contact = contacts[at * 2 % len(contacts)]
        account.links.add(("leads", id), ("contacts", contact), main_contact=True)
        for company in account.links.of(("contacts", contact), "companies"):
            account.links.add(("leads", id), ("companies", company))
        _history(account, account.table("leads").rows[id], dice)
    account.events.sort(key=lambda event: event["created_at"])
    _tasks(account, leads, dice)


def _load(account: Account, kind: str, count: int, dice: random.Random, begin: int) -> list[int]:
    make = {"contacts": _contact, "companies": _company, "leads": _lead}[kind]
    blank = drafts.blank(account, kind, begin, ADMIN, ADMIN)
    rows = []
    for at in range(count):
        created = begin + int(dice.random() * 390 * DAY)
        user = ADMIN if dice.random() < 0.5 else MANAGER
        row = {"id": account.ids.next(kind), **blank}
        row["created_at"], row["updated_at"] = created, created + int(dice.random() * 9 * DAY)
        row["responsible_user_id"], row["group_id"] = user, account.group_of(user)
        make(account, row, dice, at)
        rows.append(row)
    account.table(kind).load(rows)
    return [row["id"] for row in rows]


def _contact(account: Account, row: Json, dice: random.Random, at: int) -> None:
    is_she, last_name = dice.random() < 0.5, dice.choice(_LAST)
    row["first_name"], row["last_name"] = (
        dice.choice(_HER if is_she else _HIM),
        f"{last_name}а" if is_she else last_name,
    )
    row["name"] = f"{row['first_name']} {row['last_name']}"
    number = f"{903 + at % 90:03}{(1_112_233 + at * 7919) % 10_000_000:07}"
    row["custom_fields_values"] = [_multitext(account.fields["contacts"][PHONE], _typed(number, dice))]
    if at % 3 == 0:
        row["custom_fields_values"].append(_multitext(account.fields["contacts"][EMAIL], f"client{at}@example.ru"))


def _typed(number: str, dice: random.Random) -> str:
    """Phones are kept as they were typed."""
    how = dice.random()
    if how < 0.6:
        return f"+7{number}"
    return f"8{number}" if how < 0.8 else f"+7 ({number[:3]}) {number[3:6]}-{number[6:8]}-{number[8:]}"


def _multitext(field: Json, value: str) -> Json:
    enum = field["enums"][0]
    return fields.block_of(field, [{"value": value, "enum_id": enum["id"], "enum_code": enum["code"]}])


def _company(account: Account, row: Json, dice: random.Random, at: int) -> None:
    row["name"] = f"ООО «{dice.choice(_FIRMS)}-{at + 1}»"
    field = account.fields["companies"][PHONE + 50]
    row["custom_fields_values"] = [_multitext(field, f"+7495{(2_000_000 + at * 31) % 10_000_000:07}")]


def _lead(account: Account, row: Json, dice: random.Random, at: int) -> None:
    pipeline = account.pipelines[PIPELINE if dice.random() < 0.8 else SECOND_PIPELINE]
    stages = [one["id"] for one in pipelines.in_order(pipeline) if one["type"] == 0]
    row |= {"name": dice.choice(_DEALS), "price": dice.randrange(10, 900) * 1000, "pipeline_id": pipeline["id"]}
    row["status_id"] = dice.choice(stages)
    if row["status_id"] in {WON, LOST}:
        row["closed_at"] = row["updated_at"]
    if row["status_id"] == LOST:
        row["loss_reason_id"] = 4001


def _history(account: Account, lead: Json, dice: random.Random) -> None:
    """The log of a lead that began at the first stage, in the other's hands or not."""
    shift, now = account.clock.shift, time.time()
    first = drafts.first_status(account.pipelines[lead["pipeline_id"]])
    account.clock.shift = lead["created_at"] - now
    account.record(
        "lead_added", "leads", lead["id"], lead["created_by"], after=[{"note": {"id": account.ids.next("notes")}}]
    )
    account.clock.shift = lead["updated_at"] - now
    if lead["status_id"] != first:
        after, before = (
            {"lead_status": {"id": id, "pipeline_id": lead["pipeline_id"]}} for id in (lead["status_id"], first)
        )
        account.record("lead_status_changed", "leads", lead["id"], ADMIN, after=[after], before=[before])
    if dice.random() < 0.2:
        other = MANAGER if lead["responsible_user_id"] == ADMIN else ADMIN
        now_his, was_his = ({"responsible_user": {"id": id}} for id in (lead["responsible_user_id"], other))
        account.record("entity_responsible_changed", "leads", lead["id"], ADMIN, after=[now_his], before=[was_his])
    account.clock.shift = shift


def _tasks(account: Account, leads: list[int], dice: random.Random) -> None:
    now, rows = account.now(), []
    for id in leads[:200:3]:
        lead = account.table("leads").rows[id]
        made = lead["updated_at"]
        rows.append({
            "id": account.ids.next("tasks"), "created_by": ADMIN, "updated_by": ADMIN, "created_at": made, "updated_at": made,
            "responsible_user_id": lead["responsible_user_id"], "group_id": lead["group_id"], "entity_id": id,
            "entity_type": "leads", "duration": 0, "is_completed": dice.random() < 0.5, "task_type_id": 1,
            "text": "Перезвонить", "result": [], "complete_till": now - now % DAY + dice.randrange(-5, 5) * DAY - 60,
            "account_id": account.id,
        })  # fmt: skip
        if not rows[-1]["is_completed"]:
            lead["closest_task_at"] = rows[-1]["complete_till"]
    account.table("tasks").load(rows)
