"""How are the keys and the check of a bot said in Russian? `%s` stands for what is filled in."""

RUSSIAN = {
    "clients who write to a bot, in groups or to managers' own accounts; notices to our own people": (
        "клиенты, которые пишут боту, в группы и в личные аккаунты менеджеров; извещения своим"
    ),
    # keys
    "Token of the bot": "Токен бота",
    "@BotFather → /mybots → your bot → API Token, for example 123456789:AAE…": (
        "@BotFather → /mybots → ваш бот → API Token, например 123456789:AAE…"
    ),
    "By webhook": "Вебхуком",
    "Telegram sends its updates to public_url of [web]; left out, the hub asks for them, which is as fast": (
        "Telegram сам присылает события на public_url из [web]; без этого их спрашивает хаб, это так же быстро"
    ),
    "Groups of our own": "Свои группы",
    "numbers of groups in which only our own people talk, for example [-1001987654321]": (
        "номера групп, где пишут только свои, например [-1001987654321]"
    ),
    "Accounts of managers": "Аккаунты менеджеров",
    "only with a webhook: business connection → number of the manager's account; the hub finds out otherwise": (
        "только с вебхуком: бизнес-подключение → номер аккаунта менеджера; иначе хаб узнаёт сам"
    ),
    "Address of the Bot API": "Адрес Bot API",
    "of a Bot API server of your own or of a sandbox, for example http://127.0.0.1:8081": (
        "своего сервера Bot API или песочницы, например http://127.0.0.1:8081"
    ),
    # check
    "the bot": "Бот",
    "the bot is @%s (“%s”)": "Бот: @%s («%s»)",
    "the line %s is in a group of lines": "Линия %s входит в группу линий",
    "the line %s is in no group of lines": "Линия %s не входит ни в одну группу линий",
    "nobody is promised an answer there: write it, and telegram:<number> of a manager's own account, into lines of a group "
    "in [lines]": (
        "срока ответа там нет: впишите её, как и telegram:<номер> личного аккаунта менеджера, в lines одной из групп [lines]"
    ),
    "updates are asked for": "События спрашивает хаб",
    "another program has them sent to %s; take a bot of its own": "их получает другая программа по адресу %s; заведите хабу своего бота",
    "updates come by webhook": "События приходят вебхуком",
    "set public_url in [web], with https; or leave webhook out": "задайте public_url в [web], с https, или уберите webhook",
    "they go to %s now; the running hub changes that": "сейчас они идут на %s; работающий хаб это изменит",
    "Telegram could not deliver: %s": "Telegram не смог доставить: %s",
    "groups: the bot sees every message": "Группы: бот видит все сообщения",
    "groups: the bot sees only commands and answers to itself": "Группы: бот видит только команды и ответы себе",
    "for groups with clients switch its privacy mode off (@BotFather → Bot Settings → Group Privacy), then add it anew": (
        "для групп с клиентами выключите режим приватности (@BotFather → Bot Settings → Group Privacy) и добавьте бота заново"
    ),
    "managers can connect their own accounts": "Менеджеры могут подключить личные аккаунты",
    "by webhook nobody can tell whose account it is: leave webhook out, or write accounts": (
        "с вебхуком не узнать, чей это аккаунт: уберите webhook или заполните accounts"
    ),
    "managers cannot connect their own accounts": "Менеджеры не могут подключить личные аккаунты",
    "if they shall, switch on Business Mode (@BotFather → Bot Settings → Business Mode)": (
        "если нужно, включите Business Mode (@BotFather → Bot Settings → Business Mode)"
    ),
}
