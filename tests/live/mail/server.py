"""How is a real mail server started for tests? Dovecot (IMAP, LMTP, SASL) and Postfix (SMTP) below one folder.

Nothing in /etc or /var is written; it listens on 127.0.0.1 alone, and Postfix can send nothing off the machine. Both need
root and are installed by `.ci/run` without their services being started:

    RUNLEVEL=1 apt-get install --no-install-recommends dovecot-imapd dovecot-lmtpd postfix openssl

Time does not pass in a mailbox: APPEND gives a mail any moment, so that a month of history takes no month.
"""

import base64
import contextlib
import hashlib
import hmac
import imaplib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

USERS = ("ivan@example.test", "olga@example.test", "sales@example.test", "client@customer.test")
"""Two managers, a shared mailbox and a client; a password is the first part of the address and `-secret`."""
MAIL_UID = 8
"""Debian's user `mail`: Dovecot opens no mailbox as root."""
_KEY = b"test-only-hmac-key-test-only-hmac"
"""Access tokens are signed with it; Dovecot verifies them by itself."""

PROFILES: dict[str, tuple[str, str, tuple[tuple[str, str], ...], str]] = {
    "generic": (
        "/",
        "",
        (
            ("Drafts", "\\Drafts"),
            ("Sent", "\\Sent"),
            ("Trash", "\\Trash"),
            ("Junk", "\\Junk"),
            ("Archive", "\\Archive"),
            ("Рассылки", ""),
            ("A & B", ""),
        ),
        "",
    ),
    "yandex": (
        "|",
        "",
        (
            ("Drafts", "\\Drafts"),
            ("Sent", "\\Sent"),
            ("Trash", "\\Trash"),
            ("Spam", "\\Junk"),
            ("Outbox", ""),
            ("Клиенты", ""),
            ("Клиенты|Новые", ""),
        ),
        "IMAP4rev1 CHILDREN UNSELECT LITERAL+ NAMESPACE UIDPLUS ENABLE ID IDLE MOVE",
    ),
    "mailru": (
        "/",
        "",
        (("Черновики", "\\Drafts"), ("Отправленные", "\\Sent"), ("Корзина", "\\Trash"), ("Спам", "\\Junk")),
        "IMAP4rev1 ID UIDPLUS UNSELECT MOVE LIST-STATUS",
    ),
    "courier": (
        ".",
        "INBOX.",
        (("Drafts", ""), ("Sent", ""), ("Trash", "")),
        "IMAP4rev1 UIDPLUS CHILDREN NAMESPACE THREAD=REFERENCES SORT QUOTA IDLE",
    ),
    "bare": ("/", "", (), ""),
}
"""Separator, prefix, folders with their use, capabilities after login (cosmetics: Dovecot still knows the rest)."""


class NoMailServer(Exception):
    """A real mail server cannot be had here; the text says why, in one line."""


@dataclass(frozen=True)
class MailServer:
    """A running server. ports: imap, imaps, lmtp, and with Postfix smtp, submission, submissions."""

    folder: Path
    profile: str
    ports: dict[str, int]

    @property
    def ca_file(self) -> str:
        """The certificate of `localhost` and 127.0.0.1."""
        return str(self.folder / "cert.pem")

    def token(self, user: str, ttl: int = 3600) -> str:
        """An access token for XOAUTH2; with a negative time to live one that has expired."""
        now = int(time.time())
        claims = {"sub": user, "email": user, "iat": now - 5, "nbf": now - 5, "exp": now + ttl}
        said = ".".join(_base64(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
        return f"{said}.{_base64(hmac.new(_KEY, said.encode(), hashlib.sha256).digest())}"

    @contextmanager
    def mailbox(self, user: str) -> Iterator[imaplib.IMAP4]:
        """The mailbox as its owner sees it, in his mail program."""
        with imaplib.IMAP4("127.0.0.1", self.ports["imap"]) as client:
            client.login(user, password_of(user))
            yield client

    def put(self, user: str, mails: Iterable[bytes], folder: str = "INBOX", at: datetime | None = None) -> None:
        """Put mails into a folder, as if they had come at that moment."""
        when = f'"{at:%d-%b-%Y %H:%M:%S %z}"' if at else None
        with self.mailbox(user) as client:
            for mail in mails:
                answer, said = client.append(folder, "", when, mail)
                assert answer == "OK", said

    def clear(self, user: str, folder: str = "INBOX") -> None:
        """Take everything out of a folder."""
        with self.mailbox(user) as client:
            if client.select(folder)[1] != [b"0"]:
                client.store("1:*", "+FLAGS.SILENT", r"\Deleted")
                client.expunge()


def password_of(user: str) -> str:
    return f"{user.partition('@')[0]}-secret"


@contextmanager
def running(profile: str = "generic", *, smtp: bool = False) -> Iterator[MailServer]:
    """A server of its own; raises NoMailServer where it cannot be had. With Postfix it takes two seconds more."""
    for program in ("dovecot", "openssl", *(("postfix",) if smtp else ())):
        if shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin") is None:
            raise NoMailServer(f"{program} is not installed; .ci/run does it")
    if os.geteuid() != 0:
        raise NoMailServer("only root can start Dovecot and Postfix in a folder of their own")
    folder = Path(tempfile.mkdtemp(prefix="crmhub-mail-", dir="/tmp"))
    folder.chmod(0o755)
    names = ("imap", "imaps", "lmtp", *(("smtp", "submission", "submissions") if smtp else ()))
    server = MailServer(folder, profile, dict(zip(names, _free_ports(len(names)), strict=True)))
    try:
        _start_dovecot(server)
        if smtp:
            _start_postfix(server)
        yield server
    finally:
        _stop(folder)
        shutil.rmtree(folder, ignore_errors=True)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for item in sockets:
            item.bind(("127.0.0.1", 0))
        return [item.getsockname()[1] for item in sockets]


def _start_dovecot(server: MailServer) -> None:
    folder = server.folder
    key, mail = folder / "key.pem", folder / "mail"
    asked = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    asked += ["-days", "3650", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run([*asked, "-keyout", str(key), "-out", server.ca_file], check=True, capture_output=True)
    mail.mkdir()
    os.chown(mail, MAIL_UID, MAIL_UID)
    users = "".join(f"{user}:{{PLAIN}}{password_of(user)}::::::\n" for user in USERS)
    (folder / "users").write_text(users, encoding="utf-8")
    keys = folder / "keys" / "default" / "HS256"
    keys.mkdir(parents=True)
    (keys / "default").write_text(base64.b64encode(_KEY).decode(), encoding="utf-8")
    (folder / "oauth2.conf").write_text(_OAUTH2.format(folder=folder), encoding="utf-8")
    (folder / "dovecot.conf").write_text(_dovecot_conf(server), encoding="utf-8")
    _begin(folder, "dovecot", "-c", str(folder / "dovecot.conf"))
    _wait_for(server.ports["imap"], folder / "run" / "master.pid")


def _start_postfix(server: MailServer) -> None:
    folder = server.folder
    own, spool, data = folder / "postfix", folder / "spool", folder / "postfix-data"
    for path in (own, spool, data):
        path.mkdir()
    shutil.chown(data, "postfix", "postfix")
    for name in ("postfix-script", "post-install", "postfix-files"):
        shutil.copy(f"/etc/postfix/{name}", own / name)
    (own / "main.cf").write_text(_MAIN.format(folder=folder, lmtp=server.ports["lmtp"]), encoding="utf-8")
    (own / "master.cf").write_text(_MASTER.format(**server.ports), encoding="utf-8")
    _begin(folder, "postfix", "-c", str(own), "start")
    _wait_for(server.ports["submissions"], folder / "spool" / "pid" / "master.pid")


def _begin(folder: Path, name: str, *arguments: str) -> None:
    """Let a daemon start; what it says goes into a file, for a pipe would stay open as long as it lives."""
    with (folder / f"{name}.start").open("wb") as said:
        program = shutil.which(name) or f"/usr/sbin/{name}"
        ended = subprocess.run([program, *arguments], stdout=said, stderr=said, check=False)
    if ended.returncode:
        text = (folder / f"{name}.start").read_text(errors="replace").strip()
        raise NoMailServer(f"{name} does not start: {text}")


def _wait_for(port: int, pid_file: Path, seconds: float = 10.0) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with socket.socket() as probe:
            probe.settimeout(0.5)
            if probe.connect_ex(("127.0.0.1", port)) == 0 and pid_file.is_file() and pid_file.read_text().strip():
                return
        time.sleep(0.02)
    raise NoMailServer(f"port {port} did not open within {seconds:.0f} s")


def _stop(folder: Path) -> None:
    """Both with all they started, at once: their own leisurely end takes seconds, and nothing of them is kept."""
    for pid_file in (folder / "spool" / "pid" / "master.pid", folder / "run" / "master.pid"):
        with contextlib.suppress(OSError, ValueError):
            os.killpg(int(pid_file.read_text()), signal.SIGKILL)


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


_OAUTH2 = """\
introspection_mode = local
local_validation_key_dict = fs:posix:prefix={folder}/keys/
username_attribute = email
active_attribute =
active_value =
"""


def _dovecot_conf(server: MailServer) -> str:
    separator, prefix, folders, capabilities = PROFILES[server.profile]
    boxes = "".join(
        f'  mailbox "{name}" {{\n    auto = subscribe\n' + (f"    special_use = {use}\n" if use else "") + "  }\n"
        for name, use in folders
    )
    folder, ports = server.folder, server.ports
    return f"""
protocols = imap lmtp
listen = 127.0.0.1
base_dir = {folder}/run
state_dir = {folder}/state
instance_name = {folder.name}
log_path = {folder}/dovecot.log
default_vsz_limit = 512M
ssl = yes
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain login xoauth2 oauthbearer
auth_failure_delay = 0
auth_cache_size = 0
mail_location = maildir:{folder}/mail/%d/%n/Maildir
mail_uid = {MAIL_UID}
mail_gid = {MAIL_UID}
first_valid_uid = {MAIL_UID}
mail_fsync = never
mail_max_userip_connections = 100
mailbox_idle_check_interval = 1s
recipient_delimiter = +
{f"imap_capability = {capabilities}" if capabilities else ""}
namespace inbox {{
  inbox = yes
  separator = {separator}
  prefix = {prefix}
{boxes}}}
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {folder}/oauth2.conf
}}
passdb {{
  driver = passwd-file
  mechanisms = plain login
  args = scheme=PLAIN username_format=%u {folder}/users
}}
userdb {{
  driver = passwd-file
  args = username_format=%u {folder}/users
  override_fields = uid={MAIL_UID} gid={MAIL_UID} home={folder}/mail/%d/%n
}}
service imap-login {{
  inet_listener imap {{
    port = {ports["imap"]}
  }}
  inet_listener imaps {{
    port = {ports["imaps"]}
    ssl = yes
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {ports["lmtp"]}
  }}
}}
service auth {{
  unix_listener sasl {{
    mode = 0666
  }}
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
"""


_MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/spool
data_directory = {folder}/postfix-data
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.example.test
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
local_recipient_maps =
virtual_mailbox_domains = example.test customer.test
virtual_transport = lmtp:inet:127.0.0.1:{lmtp}
default_transport = error:5.1.2 mail leaves this test server for nowhere
relay_transport = error:5.1.2 mail leaves this test server for nowhere
disable_dns_lookups = yes
smtp_host_lookup = native
append_dot_mydomain = no
biff = no
recipient_delimiter = +
maillog_file = {folder}/postfix.log
maillog_file_prefixes = {folder}
smtpd_error_sleep_time = 0
smtpd_tls_cert_file = {folder}/cert.pem
smtpd_tls_key_file = {folder}/key.pem
smtpd_tls_security_level = may
smtpd_sasl_type = dovecot
smtpd_sasl_path = {folder}/run/sasl
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination
"""
# The column of chroot says n everywhere, so that no files are needed inside the spool.
_MASTER = """\
127.0.0.1:{smtp} inet n - n - - smtpd
  -o smtpd_sasl_auth_enable=yes
127.0.0.1:{submission} inet n - n - - smtpd
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
127.0.0.1:{submissions} inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""
