"""How are the keys and the check of an account said in Russian? `%s` stands for what is filled in."""

RUSSIAN = {
    "clients, deals, tasks and calls of an account": "клиенты, сделки, задачи и звонки аккаунта",
    # keys
    "Account address": "Адрес аккаунта",
    "Integration ID": "ID интеграции",
    "Secret key": "Секретный ключ",
    "Redirect address": "Ссылка для перенаправления",
    "Long-lived token": "Долгосрочный токен",
    "Account number": "Номер аккаунта",
    "Secret of the webhook": "Секрет вебхука",
    "Address of a sandbox": "Адрес песочницы",
    "History since": "Забрать историю с",
    "Calls noted in the CRM": "Звонки, записанные в CRM",
    "Task “Call back” after a missed call": "Задачу «Перезвонить» после пропущенного",
    "Calls in the client's card": "Звонки в карточку клиента",
    "Unknown callers": "Незнакомые номера",
    "Note where a client was lost in a transfer": "Примечание, если клиента потеряли при переводе",
    "Pipeline of new leads": "Воронка новых сделок",
    "Type of the tasks": "Тип задач",
    "Name of the source": "Название источника",
    "the account's address as in the browser, for example vostok.amocrm.ru or vostok.kommo.com": (
        "как в строке браузера, до первой косой черты: vostok.amocrm.ru или vostok.kommo.com"
    ),
    "amoCRM: amoМаркет → your integration → Keys and scopes → integration ID": (
        "amoМаркет → ваша интеграция → «Ключи и доступы» → ID интеграции"
    ),
    "the secret key, on the same page as the integration ID": "на той же вкладке, что и ID интеграции",
    "enter it in the integration exactly so": ("впишите её в интеграцию точно такой же"),
    "instead of client_id and client_secret: a long-lived token, on the same page of the integration": (
        "вместо ID и ключа: с той же вкладки интеграции; входить тогда не нужно"
    ),
    "the account's number, so that no other account's hooks are taken": (
        "чтобы не принимать вебхуки чужого аккаунта; узнаем при входе"
    ),
    "last part of the webhook's address; made from client_secret or token when left out": (
        "конец адреса вебхука; пусто: составим из ключа или токена"
    ),
    "only for a sandbox: where it listens, for example http://127.0.0.1:8090": (
        "только для песочницы: где она слушает, например http://127.0.0.1:8090"
    ),
    "history from this day on; left out: all cards, deals and tasks, and 90 days of changes and calls": (
        "пусто: все карточки, сделки и задачи, а изменения и звонки – за 90 дней"
    ),
    "calls noted in the CRM: auto reads them only where no telephony is connected to the hub": (
        "по обстоятельствам: читать, только если к хабу не подключена телефония"
    ),
    "write a task for each client who waits for a call back": "закрывается сама, когда дозвонились",
    "write each call of the hub's telephony into the client's history": (
        "один звонок – одна запись, ответственный – кто говорил последним"
    ),
    "a caller whom the CRM does not know: nothing, an incoming (unsorted) lead, or contact and lead": (
        "звонят те, кого нет в CRM; второй заявки или сделки на тот же номер не будет"
    ),
    "note on the client that he was lost in a transfer": "запись в карточке клиента, чтобы видел весь отдел",
    "number of the pipeline for new leads, in its address …/leads/pipeline/3100; left out: the main one": (
        "её номер из адреса …/leads/pipeline/3100; пусто: главная"
    ),
    "number of the task type for calls back; 1 is “Follow up” in every account": (
        "номер типа для «Перезвонить»; 1 – «Связаться» в любом аккаунте"
    ),
    "how the CRM calls the origin of calls and leads that the hub writes": (
        "как CRM назовёт, откуда звонки и сделки, записанные хабом"
    ),
    # values
    "off": "ничего не делать",
    "unsorted": "заявка в «Неразобранном»",
    "lead": "контакт и сделка",
    "auto": "по обстоятельствам",
    "read": "читать",
    "ignore": "не читать",
    # check
    "login: account “%s”, number %s": "Вход есть: аккаунт «%s», номер %s",
    "login at %s": "Вход в %s",
    "it is the account of this connection": "Это аккаунт этого подключения",
    "account_id is %s; log in to that account, or make a connection of its own for this one": (
        "в account_id стоит %s: войдите в тот аккаунт или сделайте для этого отдельное подключение"
    ),
    "users: the token is of %s, an administrator": "Пользователи: токен администратора (%s)",
    "users: the token is of %s, no administrator": "Пользователи: токен не администратора (%s)",
    "users: they cannot be read": "Пользователи: прочитать их нельзя",
    "managers have no names here. If user %s, who allowed it, is no administrator, let one log in; an integration that was "
    "made by the button may not read them at all": (
        "имён менеджеров не будет. Если доступ дал пользователь %s и он не администратор, пусть войдёт администратор; "
        "интеграции, созданной кнопкой, пользователи недоступны вовсе"
    ),
    "what he may not see is not read; let an administrator log in": "чего он не видит, не прочитаем; пусть войдёт администратор",
    "filters of the API": "Фильтры API",
    "the tariff lacks them: history and the nightly comparison are read page by page, which takes longer": (
        "их нет в тарифе: историю и ночную сверку читаем постранично, это дольше"
    ),
    "pipelines: %s": "Воронки: %s",
    "pipeline = %s is none of them": "pipeline = %s: такой среди них нет",
    "contacts, for example: %s": "Контакты, например: %s",
    "contacts: none yet": "Контактов пока нет",
    "log of events": "Журнал событий",
    "webhooks: none; changes are read once a minute (set public_url in [web] to hear of them at once)": (
        "Вебхуков нет: изменения читаем раз в минуту (чтобы узнавать сразу, задайте public_url в [web])"
    ),
    "webhooks": "Вебхуки",
    "amoCRM has switched them off, for it could not reach %s; mend that": (
        "amoCRM отключила их: не смогла достучаться до %s; почините это"
    ),
    "webhooks: not registered yet; the running hub does it": "Вебхуки: запишет работающий хаб",
    "webhooks are registered": "Вебхуки записаны",
}
