"""Whom does the CRM of the demo's company know? Two of three callers of the recording, half of them with a deal."""

import re
from collections.abc import Iterable, Mapping
from itertools import cycle

from sandbox.amocrm import AmoServer
from sandbox.amocrm.directory import new_user
from sandbox.amocrm.touch import touch
from sandbox.recording import Recording

_SINCE = 30 * 86_400
"""Seconds that the cards are old: who answers for a client is judged by what was so when he called."""
_CLIENT = re.compile(r"(?<!\d)[78]?(999010\d{4})(?!\d)")
_FIRST = ("Ирина", "Олег", "Марина", "Павел", "Светлана", "Николай", "Юлия", "Артём", "Елена", "Виктор", "Ольга")
_LAST = ("Ковальчук", "Савченко", "Мельник", "Черных", "Литвиненко", "Долгих", "Бондарь", "Шевчук", "Седых")
_DEALS = ("Поставка насосов", "Ремонт офиса", "Обслуживание склада", "Проект котельной", "Монтаж вентиляции")


def clients(recording: Recording) -> list[str]:
    """Numbers of clients in the order in which they appear, without a prefix."""
    found = (number for packet in recording.packets for _, value in packet.fields for number in _CLIENT.findall(value))
    return list(dict.fromkeys(found))


def fill(crm: AmoServer, numbers: Iterable[str], users: Mapping[int, str], head: int) -> str:
    """Put users, cards and deals into a fresh account; the answer is a long-lived token of the head, an administrator."""
    account, world = crm.world.default, crm.world
    world.clock.shift = -_SINCE
    account.users.clear()
    for id, name in users.items():
        new_user(account, name, f"user{id}@example.ru", id=id, is_admin=id == head)
    people = zip(cycle(_FIRST), cycle(_LAST), cycle(users), strict=False)
    for place, (number, (first, last, owner)) in enumerate(zip(numbers, people, strict=False)):
        if place % 3 == 2:
            continue
        name, responsible = f"{first} {last}", {"responsible_user_id": owner}
        card = {"action": "create", "name": name, "phone": f"+7 {number}", "set": responsible}
        [contact] = touch(account, card, by=owner)["touched"]
        if place % 2:
            deal = {"entity": "leads", "action": "create", "name": _DEALS[place % len(_DEALS)], "contact": contact}
            touch(account, {**deal, "set": {**responsible, "price": 10_000 * (1 + place % 9)}}, by=owner)
    world.clock.shift = 0
    grant = world.authority.long_lived(account, world.integration.client_id, head, 365 * 86_400)
    return grant.text
