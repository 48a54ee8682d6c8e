"""Who writes to the demo's company, and who of its people reads? A client who waits, and one who is answered."""

import asyncio

from sandbox.telegram import TelegramServer
from sandbox.telegram.people import touch

STAFF = {
    5550101: "Анна Петрова",
    5550102: "Борис Иванов",
    5550103: "Вера Смирнова",
    5550104: "Глеб Орлов",
}
"""Those of the team who opened the bot, by their account."""
OWN = 5550103
"""Who connected the own account, to which clients write as well."""

# Seconds after the start, and what somebody does then.
_SCENE = (
    (1, {"user_id": 7001, "name": "Ольга Никитина", "text": "Здравствуйте! Насосы ЦНС-38 есть на складе?"}),
    (2, {"user_id": 7002, "name": "Сергей Волков", "text": "Вера, добрый день! Когда приедет монтажник?", "connection": "bc1"}),
    (9, {"user_id": 7001, "text": "И сколько стоит доставка в Тверь?"}),
    (20, {"user_id": OWN, "chat_id": 7002, "text": "Добрый день! Завтра с десяти до двенадцати.", "connection": "bc1"}),
)  # fmt: skip


async def chat(telegram: TelegramServer) -> None:
    """Play the scene until it is over."""
    world = telegram.world
    for account, name in STAFF.items():
        touch(world, {"action": "write", "user_id": account, "name": name, "text": "/start"})
    touch(world, {"action": "connect", "user_id": OWN, "connection": "bc1"})
    begun = asyncio.get_running_loop().time()
    for seconds, act in _SCENE:
        await asyncio.sleep(max(0.0, begun + seconds - asyncio.get_running_loop().time()))
        touch(world, {"action": "write", **act})
