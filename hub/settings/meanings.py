"""What does each setting of `[policy]` mean, in one line for the person who changes it?"""

from __future__ import annotations

from typing import Literal

Language = Literal["en", "ru"]

GROUPS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        "Calls",
        "Звонки",
        (
            "stitch_gap", "settle", "lookback", "answer_min_talk", "voicemail_min", "short_abandon", "redial_window",
            "count_ivr_abandon", "ivr_min", "offer_min_ring", "ringall_blame", "transfer_lost", "service_level_target",
            "repair_patience",
        ),
    ),
    (
        "Missed calls and calling back",
        "Пропущенные звонки и перезвоны",
        (
            "callback_target", "urgent_attempts", "urgent_window", "unhappy_window", "attempt_min_ring", "attempt_gap",
            "contact_min_talk", "exhausted_attempts", "exhausted_days", "case_ttl", "soft_close_on_message",
            "org_level_resolution",
        ),
    ),
    (
        "Messages",
        "Сообщения",
        (
            "first_response_target", "next_response_target", "episode_gap", "bot_grace", "cross_channel_stop", "wait_ttl",
        ),
    ),
    (
        "Working time, owners, leads",
        "Рабочее время, ответственные, заявки",
        (
            "no_calendar_horizon", "owner_memory", "lead_target", "lead_ttl", "touch_gap", "touch_goal", "first_day_calls",
            "first_day_messages", "grace", "missing_after", "silent_stretch", "shift_around",
        ),
    ),
    (
        "Late facts, alerts",
        "Опоздавшие данные, оповещения",
        ("clock_tolerance", "freeze_after", "taken_pause", "batch_alerts", "digest_at"),
    ),
)  # fmt: skip
"""All settings in the order of the file, under the headings that stand above them (English, Russian)."""

MEANINGS: dict[str, tuple[str, str]] = {
    "stitch_gap": (
        "parts closer than this are one call, if the source does not join them",
        "части ближе этого: один звонок, если источник их не соединяет",
    ),
    "settle": (
        "judge a call so long after its last event, if its end is not told",
        "судить о звонке через столько, если источник не сообщает о конце",
    ),
    "lookback": ("polled sources are read again for this long", "опрашиваемые источники перечитываются за этот срок"),
    "answer_min_talk": ("a shorter talk is no answer", "разговор короче не считается ответом"),
    "voicemail_min": ("a shorter recording is no voicemail", "запись короче не считается голосовой почтой"),
    "short_abandon": (
        "who hangs up sooner is left out of the rates; 0s: nobody is",
        "кто положил трубку раньше, не входит в доли; 0s: входят все",
    ),
    "redial_window": (
        "a second short call within this opens a case",
        "второй короткий звонок за это время открывает обращение",
    ),
    "count_ivr_abandon": (
        "a client who leaves in the menu is a missed call",
        "клиент, ушедший из голосового меню, пропущен",
    ),
    "ivr_min": ("but only after so long in the menu", "но только если пробыл в меню столько"),
    "offer_min_ring": (
        "a manager missed an offer when it rang so long",
        "сотрудник пропустил вызов, если тот звонил столько",
    ),
    "ringall_blame": (
        "who missed a call that rang for all: team, each or split",
        "кто пропустил звонок всем: team (группа), each (все), split (поровну)",
    ),
    "transfer_lost": (
        "a transferred client who waits so long and hangs up is lost",
        "клиент, не дождавшийся после перевода столько, потерян",
    ),
    "service_level_target": ("service level: answered within", "уровень сервиса: ответ не позже"),
    "repair_patience": (
        "after a gap wait so long for the missing part of a call",
        "после обрыва связи столько ждать недостающую часть звонка",
    ),
    "callback_target": ("call back within, in working time", "перезвонить за столько рабочего времени"),
    "urgent_attempts": ("so many calls of a client …", "столько звонков клиента …"),
    "urgent_window": ("… within this make the case urgent", "… за это время делают обращение срочным"),
    "unhappy_window": (
        "a miss so soon after our talk: the client returned unhappy",
        "пропуск так скоро после разговора: клиент вернулся недовольным",
    ),
    "attempt_min_ring": (
        "an unanswered call of ours counts when it rang so long",
        "наш звонок без ответа засчитан, если звонил столько",
    ),
    "attempt_gap": ("attempts closer than this count once", "попытки чаще этого считаются за одну"),
    "contact_min_talk": (
        "a talk so long is a contact (less may be a voicemail)",
        "разговор такой длины: контакт (короче бывает автоответчик)",
    ),
    "exhausted_attempts": ("after so many attempts …", "после стольких попыток …"),
    "exhausted_days": ("… on so many working days the client is given up", "… в столько рабочих дней клиент оставлен"),
    "case_ttl": ("a case expires after", "обращение истекает через"),
    "soft_close_on_message": (
        "our message alone closes a missed call",
        "одно наше сообщение закрывает пропущенный звонок",
    ),
    "org_level_resolution": (
        "a talk with a colleague of the client closes his case too",
        "разговор с коллегой клиента закрывает и его обращение",
    ),
    "first_response_target": ("answer a first message within, in working time", "ответить на первое сообщение за"),
    "next_response_target": ("answer later messages within; none: no promise", "на следующие за; none: без обещания"),
    "episode_gap": (
        "a conversation begins anew after this silence",
        "разговор начинается заново после такого молчания",
    ),
    "bot_grace": (
        "a client silent so long after the bot was served by it",
        "клиент, молчащий столько после ответа бота, обслужен ботом",
    ),
    "cross_channel_stop": ("an answered call answers a message", "состоявшийся звонок отвечает и на сообщение"),
    "wait_ttl": ("a message is unanswered after", "сообщение считается оставленным без ответа через"),
    "no_calendar_horizon": (
        "with no hours this far around, working time is unknown",
        "если рядом нет рабочих часов, рабочее время неизвестно",
    ),
    "owner_memory": (
        "who last talked with a client owns him for",
        "кто говорил последним, отвечает за клиента столько",
    ),
    "lead_target": ("react to a form within, in working time", "ответить на заявку за столько рабочего времени"),
    "lead_ttl": ("a form expires after", "заявка истекает через"),
    "touch_gap": ("touches of one channel closer than this are one", "касания в одном канале ближе этого – одно"),
    "touch_goal": ("touches that a lead deserves before it is given up", "столько касаний заслуживает заявка"),
    "first_day_calls": (
        "calls to a lead in its first 24 hours, at least",
        "звонков по заявке за первые 24 часа, не меньше",
    ),
    "first_day_messages": (
        "messages to a lead in its first 24 hours, at least",
        "сообщений по заявке за первые 24 часа, не меньше",
    ),
    "grace": ("a manager is late after", "сотрудник опоздал, если позже чем на"),
    "missing_after": (
        "a manager of whom nothing is heard by then is missing",
        "о сотруднике столько нет вестей от начала смены – он не вышел",
    ),
    "silent_stretch": (
        "planned time without activity is told from this length on",
        "рабочее время без дел показывается с такой длины",
    ),
    "shift_around": (
        "coming and going so far from a shift still belongs to it",
        "отметка не дальше этого от смены относится к ней",
    ),
    "clock_tolerance": (
        "a live source whose clock is further off is corrected",
        "часы живого источника, отстающие сильнее, поправляются",
    ),
    "freeze_after": (
        "figures of a month are closed on this day of the next",
        "месяц закрывается в этот день следующего",
    ),
    "taken_pause": ("pressing Taken holds the next alert for", "кнопка «Взял» откладывает следующее оповещение на"),
    "batch_alerts": (
        "more alerts to one person become one message",
        "если оповещений одному человеку больше, они идут вместе",
    ),
    "digest_at": ("the daily summary is sent at", "ежедневная сводка отправляется в"),
}
"""By setting: what it means in English, in Russian."""


def meaning(name: str, language: Language) -> str:
    """The line that stands beside a setting."""
    return MEANINGS[name][language == "ru"]
