"""How are the keys and the check of a mailbox said in Russian? `%s` stands for what is filled in."""

from plugins.email.providers import OTHER, PROVIDERS

_ADVICE = {
    PROVIDERS["yandex"].advice: (
        "в настройках почты, «Почтовые программы», разрешите доступ с сервера imap.yandex.ru; затем на id.yandex.ru, "
        "«Безопасность», создайте пароль приложения типа «Почта» и впишите его"
    ),
    PROVIDERS["mailru"].advice: (
        "на account.mail.ru, «Безопасность», создайте пароль для внешнего приложения с полным доступом к почте и впишите его; "
        "пароль самого аккаунта не подойдёт"
    ),
    PROVIDERS["google"].advice: (
        "включите двухэтапную аутентификацию, создайте пароль приложения на myaccount.google.com/apppasswords и впишите его "
        "16 букв, или оставьте пароль пустым и войдите по client_id и client_secret"
    ),
    PROVIDERS["microsoft"].advice: (
        "Microsoft не принимает пароли для почты: зарегистрируйте приложение на entra.microsoft.com, впишите client_id и "
        "client_secret и войдите; для ящика должны быть разрешены IMAP и SMTP с аутентификацией"
    ),
    OTHER.advice: "проверьте адрес почтового сервера, логин и пароль",
}
_REFUSED = {
    **{f"%s refuses the login: %s; {english}": f"%s не пускает: %s; {russian}" for english, russian in _ADVICE.items()},
    **{f"%s answers %s; {english}": f"%s отвечает %s; {russian}" for english, russian in _ADVICE.items()},
    **{f"there is no password; {english}": f"пароля нет; {russian}" for english, russian in _ADVICE.items()},
}

RUSSIAN = {
    "a mailbox: what clients write, what they are answered, and notices to our own people": (
        "почтовый ящик: что пишут клиенты, что им ответили, и уведомления своим"
    ),
    # keys
    "Address": "Адрес",
    "Provider": "Почтовая служба",
    "App password": "Пароль приложения",
    "Application ID": "ID приложения",
    "Application secret": "Секрет приложения",
    "Login": "Логин",
    "IMAP server": "Сервер IMAP",
    "SMTP server": "Сервер SMTP",
    "File of an authority": "Файл своего удостоверяющего центра",
    "Without encryption": "Без шифрования",
    "Read the mailbox": "Читать ящик",
    "History since": "Забрать историю с",
    "Folder of sent mail": "Папка отправленных",
    "Further folders": "Ещё папки",
    "Further addresses": "Ещё адреса",
    "Our domains": "Наши домены",
    "Senders of forms": "Отправители форм",
    "Keep whole texts": "Хранить тексты целиком",
    "Minutes of waiting": "Минут ожидания",
    "Send notices": "Отправлять уведомления",
    "Name of the sender": "Имя отправителя",
    "Copies of notices in Sent": "Копии уведомлений в отправленных",
    "the mailbox's address, for example sales@example.ru": "адрес ящика, например sales@example.ru",
    "who runs the mailbox: auto sees it by the address; say it for a domain of your own at Yandex 360, VK WorkSpace, "
    "Google Workspace or Microsoft 365": (
        "где находится ящик; по адресу видно само, выберите для своего домена в Яндекс 360, VK WorkSpace, Google Workspace "
        "или Microsoft 365"
    ),
    "an app password (Yandex, Mail.ru, Google) or the mailbox's password on a server of your own": (
        "пароль приложения (Яндекс, Mail.ru, Google) или пароль ящика на своём сервере"
    ),
    "instead of a password: ID of an application registered at the provider": (
        "вместо пароля: ID приложения, зарегистрированного у почтовой службы"
    ),
    "its secret, from the same page of the provider": "его секрет, с той же страницы",
    "what one logs in with, if it is not the address": "чем входят, если это не адрес",
    "for a server of your own: name and port, for example mail.example.ru:993; 143 and other ports: "
    "starttls://mail.example.ru:143": (
        "для своего сервера: имя и порт, например mail.example.ru:993; 143 и другие порты: starttls://mail.example.ru:143"
    ),
    "for a server of your own: name and port, for example mail.example.ru:465 or starttls://mail.example.ru:587": (
        "для своего сервера: имя и порт, например mail.example.ru:465 или starttls://mail.example.ru:587"
    ),
    "for a server with a certificate of your own: file with the certificate of who issued it (PEM)": (
        "для сервера со своим сертификатом: файл с сертификатом того, кто его выдал (PEM)"
    ),
    "only for a server on this very machine: connect without TLS": "только для сервера на этой же машине: без TLS",
    "off: the mailbox only sends notices and reports": "выключено: ящик только отправляет уведомления и отчёты",
    "history from this day on; left out: the last 90 days": "с какого дня; пусто: последние 90 дней",
    "name of the folder of sent mail, if the hub does not find it by itself": (
        "имя папки отправленных, если хаб не нашёл её сам"
    ),
    'further folders into which rules sort mail of clients, for example ["Clients"]': (
        'папки, куда правила раскладывают письма клиентов, например ["Клиенты"]'
    ),
    'other addresses that lead to this mailbox or write from it, for example ["info@example.ru"]': (
        'другие адреса этого ящика, например ["info@example.ru"]'
    ),
    "domains of which every address is one of us, beside that of the mailbox itself": (
        "домены, где все адреса наши, кроме домена самого ящика"
    ),
    'addresses, or "@domain", from which the forms of your sites are mailed: each is a new lead': (
        "адреса или «@домен», откуда приходят формы ваших сайтов: каждая – новая заявка"
    ),
    "keep the whole text of a mail; off: its beginning, enough to recognise it": (
        "хранить весь текст письма; выключено: только начало, чтобы узнать его"
    ),
    "how long the connection waits silently before it is renewed; less behind a router that forgets it": (
        "сколько соединение молча ждёт, прежде чем обновиться; меньше, если маршрутизатор его забывает"
    ),
    "tell our own people by mail, from this address: notices and reports": (
        "уведомления и отчёты своим по почте, с этого адреса"
    ),
    "name that the hub's own mails come from": "от чьего имени приходят письма хаба",
    "put a copy of each notice into the folder of sent mail, where the provider does not do so by itself; by it the hub sees "
    "after a crash what has gone out": (
        "класть копию в отправленные, если служба не делает этого сама; по ней хаб после сбоя видит, что уже ушло"
    ),
    # values
    "auto": "по адресу",
    "yandex": "Яндекс",
    "mailru": "Mail.ru",
    "google": "Google",
    "microsoft": "Microsoft",
    "other": "свой сервер",
    # check
    "login as %s at %s": "Вход как %s на %s",
    "the provider says": "Почтовая служба сообщает",
    "inbox: %s mails": "Входящие: писем %s",
    "sent mail: %s, %s mails": "Отправленные: %s, писем %s",
    "sent mail": "Отправленные",
    "no such folder is found, so that answers cannot be seen; name one of these in sent: %s": (
        "такой папки нет, ответы не видны; впишите в sent одну из этих: %s"
    ),
    "folder %s: %s mails": "Папка %s: писем %s",
    "folder %s": "Папка %s",
    "there is no such folder": "такой папки нет",
    "new mail: heard of at once (IDLE)": "Новые письма: узнаём сразу (IDLE)",
    "new mail: looked for once a minute, the server cannot tell of it": (
        "Новые письма: смотрим раз в минуту, сервер сам не сообщает"
    ),
    "notices are sent as %s by %s": "Уведомления уходят от %s через %s",
    "the server does not promise to tell when a mail cannot be delivered": (
        "сервер не обещает сообщать, если письмо не дойдёт"
    ),
    **_REFUSED,
    "%s cannot prove its name: %s; an authority of your own goes into ca_file": (
        "%s не доказал своё имя: %s; свой удостоверяющий центр впишите в ca_file"
    ),
    "%s does not answer within %s s": "%s не отвечает %s с",
    "%s cannot be reached: %s": "%s недоступен: %s",
    "%s hung up or said nothing: %s": "%s оборвал связь или молчит: %s",
    "%s lets nobody in now: %s": "%s сейчас никого не пускает: %s",
}
