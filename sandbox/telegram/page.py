"""What do the chats look like to the people in them? One card a chat, with buttons to press and a line to write."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from html import escape
from itertools import chain
from zoneinfo import ZoneInfo

from sandbox.telegram.answers import Answer
from sandbox.telegram.chats import Chat, Connection
from sandbox.telegram.types import Json
from sandbox.telegram.world import Press, World

HTML = "text/html; charset=utf-8"
_MOST = 30
"""Messages of a chat that are shown, the latest last."""
_ZONE = ZoneInfo("Europe/Moscow")
_SPECIAL = {
    "photo": "🖼 фото", "voice": "🎤 голосовое", "audio": "🎵 аудио", "video": "🎞 видео", "document": "📄", "location": "📍 место",
    "contact": "👤", "sticker": "стикер", "animation": "🎞", "video_note": "🎞 кружок",
}  # fmt: skip

_HEAD = """<!doctype html>
<html lang="ru"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Telegram</title><noscript><meta http-equiv="refresh" content="5"></noscript><style>
:root{color-scheme:light dark;--line:light-dark(#d9dee5,#343b45);--card:light-dark(#fff,#1d2229);--soft:light-dark(#5d6875,#9aa6b4);--bot:light-dark(#eef1f5,#2a313b);--mine:light-dark(#dff3d8,#22402b);--accent:light-dark(#1b6fb5,#7cbcf2);--late:light-dark(#b3261e,#ff9d94)}
*{box-sizing:border-box}
body{font:14px/1.4 system-ui,sans-serif;margin:0 auto;max-width:90rem;padding:1rem;background:light-dark(#f3f5f8,#14171c)}
h1{font-size:1.3rem;margin:0 0 1rem} h2{font-size:1rem;margin:0 0 .5rem} small,.soft{color:var(--soft);font-weight:400}
main{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,22rem),1fr));gap:1rem;align-items:start}
section{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.8rem;min-width:0}
.log{display:flex;flex-direction:column;gap:.4rem;max-height:28rem;overflow:auto}
.one{max-width:88%;padding:.4rem .6rem;border-radius:.6rem;background:var(--bot);overflow-wrap:anywhere;white-space:pre-line;align-self:start}
.mine{background:var(--mine);align-self:end} .out{color:var(--late)} .toast{align-self:center;color:var(--soft);font-style:italic}
.keys{display:flex;gap:.3rem;margin:.3rem 0 0;white-space:normal} .keys>*{flex:1;display:grid}
button,.url{font:inherit;padding:.35rem .6rem;border:1px solid var(--line);border-radius:.4rem;background:var(--card);color:var(--accent);cursor:pointer;text-align:center;text-decoration:none;overflow-wrap:anywhere}
.say{display:flex;gap:.4rem;margin:.6rem 0 0} input{font:inherit;flex:1;min-width:0;padding:.35rem .5rem;border:1px solid var(--line);border-radius:.4rem;background:transparent;color:inherit}
</style></head><body><h1>Telegram <small>@BOT</small></h1><main>
"""
_TAIL = """</main><script>
const down = () => document.querySelectorAll(".log").forEach(log => log.scrollTop = log.scrollHeight)
const look = async () => {
  const told = new DOMParser().parseFromString(await (await fetch("/_ctl/chats")).text(), "text/html")
  for (const fresh of told.querySelectorAll("section")) {
    const old = document.getElementById(fresh.id)
    if (!old) document.querySelector("main").append(fresh)
    else if (old.querySelector(".log").innerHTML !== fresh.querySelector(".log").innerHTML)
      old.querySelector(".log").replaceWith(fresh.querySelector(".log"))
    else continue
    down()
  }
}
document.addEventListener("submit", async event => {
  event.preventDefault()
  await fetch("/_ctl/touch", {method: "POST", body: new URLSearchParams(new FormData(event.target)), redirect: "manual"})
  event.target.reset()
  look()
})
down(); setInterval(look, 1000)
</script></body></html>"""


def show(world: World) -> Answer:
    """The whole page; everything that was written by somebody is escaped."""
    head = _HEAD.replace("@BOT", escape(f"@{world.bot['username']}"))
    new = '<h2>Новый клиент</h2><form class="say" method="post" action="/_ctl/touch"><input type="hidden" name="action" value="write">'
    new += '<input name="name" placeholder="Имя" required><input name="text" placeholder="Сообщение боту" required><button>Написать</button></form>'
    return Answer(200, f"{head}<section>{new}</section>{_chats(world)}{_TAIL}".encode(), HTML)


def show_chats(world: World) -> Answer:
    """The cards alone, for the page to look at again."""
    return Answer(200, _chats(world).encode(), HTML)


def _chats(world: World) -> str:
    own = (_card(world, chat, _people(chat)) for chat in world.chats.values() if not chat.moved_to)
    managed = (
        _card(world, chat, [chat.about, connection.user], id, connection)
        for id, connection in world.connections.items()
        for chat in connection.chats.values()
    )
    return "".join(chain(own, managed))


def _people(chat: Chat) -> list[Json]:
    """Who writes here: the person, or the last one who did in a group."""
    if chat.kind == "private":
        return [chat.about]
    writers = [message["from"] for message in chat.received.values() if "from" in message]
    return writers[-1:]


def _card(
    world: World, chat: Chat, people: list[Json], connection_id: str = "", connection: Connection | None = None
) -> str:
    title = escape(str(chat.about.get("title") or name(chat.about)))
    about = f"личный чат: {escape(name(connection.user))}" if connection else escape(chat.closed)
    messages = sorted([*chat.received.values(), *chat.sent.values()], key=lambda one: (one["date"], one["message_id"]))
    log = "".join(_message(world, chat, message, people, connection_id) for message in messages[-_MOST:])
    log += "".join(_toasts(world, {one["id"] for one in people}))
    forms = "".join(_form(chat, one, connection_id, is_only=len(people) == 1) for one in people)
    id = escape(f"chat{connection_id}{chat.id}")
    return f'<section id="{id}"><h2>{title} <small>{about}</small></h2><div class="log">{log}</div>{forms}</section>'


def _message(world: World, chat: Chat, message: Json, people: list[Json], connection_id: str) -> str:
    who = message.get("from", {})
    is_mine = message["message_id"] not in chat.sent and who.get("id") == (people[0]["id"] if people else None)
    author = f"<small>{escape(name(who))}</small>\n" if chat.is_group or (connection_id and not is_mine) else ""
    edited = ", изменено" if "edit_date" in message else ""
    when = f"<small>{datetime.fromtimestamp(message['date'], _ZONE):%H:%M}{edited}</small>"
    reactions = " ".join(one.get("emoji", "") for one in chat.reactions.get(message["message_id"], ()))
    keys = "".join(_keys(message, chat, people, connection_id))
    return f'<div class="one{" mine" if is_mine else ""}">{author}{escape(_text(message))} {when} {escape(reactions)}{keys}</div>'


def _text(message: Json) -> str:
    special = [label for kind, label in _SPECIAL.items() if kind in message]
    special += [
        str(message[kind].get(key, ""))
        for kind, key in (("document", "file_name"), ("contact", "phone_number"))
        if kind in message
    ]
    return " ".join((*special, str(message.get("text") or message.get("caption") or "")))


def _keys(message: Json, chat: Chat, people: list[Json], connection_id: str) -> Iterator[str]:
    if not people:
        return
    for row in (message.get("reply_markup") or {}).get("inline_keyboard", ()):
        fields = {
            "action": "press",
            "user_id": people[0]["id"],
            "chat_id": chat.id,
            "message_id": message["message_id"],
        }
        if connection_id:
            fields["connection"] = connection_id
        yield f'<div class="keys">{"".join(_key(button, fields) for button in row)}</div>'


def _key(button: Json, fields: Json) -> str:
    label = escape(button["text"])
    if "url" in button:
        return f'<a class="url" href="{escape(button["url"])}" target="_blank" rel="noopener">{label}</a>'
    pressed = _hidden({**fields, "data": button.get("callback_data", "")})
    return f'<form method="post" action="/_ctl/touch">{pressed}<button>{label}</button></form>'


def _form(chat: Chat, who: Json, connection_id: str, *, is_only: bool) -> str:
    fields = {"action": "write", "user_id": who["id"], "chat_id": chat.id}
    if connection_id:
        fields["connection"] = connection_id
    hint = "Сообщение" if is_only else f"{name(who)} пишет"
    text = f'<input name="text" placeholder="{escape(hint)}" autocomplete="off" required>'
    return f'<form class="say" method="post" action="/_ctl/touch">{_hidden(fields)}{text}<button aria-label="Отправить">➤</button></form>'


def _hidden(fields: Json) -> str:
    return "".join(f'<input type="hidden" name="{key}" value="{escape(str(value))}">' for key, value in fields.items())


def _toasts(world: World, ids: set[int]) -> Iterable[str]:
    """What the bot said to the last press."""
    pressed: list[Press] = [one for one in world.presses.values() if one.by["id"] in ids]
    if pressed and (answer := pressed[-1].answer) and answer.get("text"):
        yield f'<div class="toast">{escape(str(answer["text"]))}</div>'


def name(person: Json) -> str:
    return " ".join(filter(None, (person.get("first_name"), person.get("last_name")))) or str(person.get("id", ""))
