"""How are the keys of an Asterisk said in Russian?"""

RUSSIAN = {
    "a PBX, live over its manager interface (AMI)": "АТС, вживую через её интерфейс управления (AMI)",
    "Address": "Адрес",
    "Port": "Порт",
    "Account": "Учётная запись",
    "Secret": "Пароль",
    "Time zone": "Часовой пояс",
    "Call records": "Журнал звонков (CDR)",
    "address of the PBX, as permitted in manager.conf (permit=)": "адрес АТС, которому разрешён вход в manager.conf (permit=)",
    "port of the manager interface; manager.conf, port=": "порт интерфейса управления: manager.conf, port=",
    "the account's name: the section in brackets in manager.conf": "имя учётной записи: раздел в скобках в manager.conf",
    "the account's secret= in manager.conf": "её secret= в manager.conf",
    "zone of the PBX's own clock (readlink /etc/localtime there); CDR times are local to it": (
        "пояс часов самой АТС (там: readlink /etc/localtime); времена CDR указаны в нём"
    ),
    "systemname= of asterisk.conf, empty if there is none": "systemname= из asterisk.conf; пусто, если его нет",
    'beginnings of channel names that lead outside, for example "PJSIP/mtt-"; see "core show channels" '
    "during an outside call. Empty: every endpoint that is not a short number": (
        "как начинаются каналы наружу, например PJSIP/mtt-; видно в «core show channels» во время внешнего звонка. "
        "Пусто: всё, что не короткий номер"
    ),
    'queues and their extensions, for example {sales = ["101", "102"]}': (
        'очереди и их внутренние номера, например {sales = ["101", "102"]}'
    ),
    "what managers dial before an outside number, if anything": "что набирают перед внешним номером, если набирают",
    "the number clients see on outbound calls, if it is one": "номер, который видят клиенты при исходящих, если он один",
    "country (ISO 3166) of numbers without one; empty: the hub's": "страна (ISO 3166) номеров без кода; пусто: как у хаба",
    "call detail records for repairs: a CSV file, or {url = …, table = …}; see cdr_custom.conf": (
        "записи о звонках, чтобы чинить пропуски: файл CSV или {url = …, table = …}; см. cdr_custom.conf"
    ),
    "channel event log for exact repairs: a CSV file, or {url = …, table = …}": (
        "журнал событий каналов (CEL), чтобы чинить точно: файл CSV или {url = …, table = …}"
    ),
}
