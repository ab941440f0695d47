"""Read the settings from the environment and `.env`, and refuse what is unsafe.

Every setting is one row of `SETTINGS`; `.env.example` shows the same rows to the owner.
"""

import base64
import os
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from dotenv import dotenv_values
from email_validator import EmailNotValidError, validate_email
from limits.storage import storage_from_string
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from settings_secrets import SettingsError, kept_secret, private_folder

ROOT = Path(__file__).resolve().parent

MAKE_SECRET_KEY = 'python3 -c "import secrets; print(secrets.token_urlsafe(48))"'  # noqa: S105
MAKE_VAULT_KEY = (
    'python3 -c "import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())"'
)


@dataclass(frozen=True)
class MailServer:
    """Who takes letters from us. TLS is on from the `start`, after `starttls`, or `never`."""

    host: str
    port: int
    tls: str
    user: str
    password: str = field(repr=False)


REDIS = "redis==7.4.1"  # for those who share limits in one; the tests run with it

MAIL_PORTS = {"smtp": 587, "smtps": 465}
THIS_MACHINE = {"localhost", "127.0.0.1", "::1"}

KINDS = {"appointment": "Request", "intake": "Intake"}  # what patients send, and its name for staff
SHORTEST, LONGEST = 30, 36_500  # days; what is younger than a month is still worked on
WRITE_RETENTION = (
    "Write a number of days for all, like 730, or for each: appointment=730,intake=2555"
)


def boolean(value: str) -> bool:
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if value.lower() not in words:
        raise ValueError(f'"{value}" is neither yes nor no. Write true or false.')
    return words[value.lower()]


def count(value: str) -> int:
    if not value.isascii() or not value.isdigit():
        raise ValueError(f'"{value}" is not a whole number. Write 0, 1, 2 …')
    return int(value)


def port(value: str) -> int:
    number = count(value)
    if not 1 <= number <= 65535:
        raise ValueError(f"{number} is not a port. Write a number from 1 to 65535.")
    return number


def words(value: str) -> list[str]:
    return [word.strip() for word in value.split(",") if word.strip()]


def is_host(value: str) -> bool:
    """Whether what requests say they are for can be compared with it."""
    try:
        value.removeprefix(".").partition(":")[0].encode("idna")
    except UnicodeError:
        return False
    return bool(re.fullmatch(r"[\w.:-]*", value))


def host(value: str) -> str:
    if not is_host(value):
        raise ValueError(f'"{value}" is not the name of a host. Write it like www.example.org')
    return value


def hosts(value: str) -> list[str]:
    return [host(word) for word in words(value)]


def site_url(value: str) -> str:
    whole = re.fullmatch(r"https?://([a-z0-9.-]+)(:\d{1,5})?/?", value)
    if value and not (whole and is_host(whole[1])):
        raise ValueError(f'"{value}" is not a site address. Write it like https://www.example.org')
    return value.rstrip("/")


def database_url(value: str) -> str:
    """Return the address as SQLAlchemy wants it, for the two databases that are tested."""
    known = "Write sqlite:///site.db or postgresql://user:password@host/name"
    try:
        url = make_url(value)
    except (ArgumentError, ValueError):
        raise ValueError(f"it is not a database address. {known}") from None
    if url.drivername in {"postgres", "postgresql", "postgresql+psycopg"}:
        return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
    if url.drivername != "sqlite":
        raise ValueError(f'"{url.drivername}" is not a database this site can use. {known}')
    if not url.database or ":memory:" in url.database:
        raise ValueError(f"a database in memory forgets every request at a restart. {known}")
    return value


def rate_limit_store(value: str) -> str:
    if value.startswith("redis") and find_spec("redis") is None:
        raise ValueError(f"Redis needs one more package. Type: .venv/bin/pip install {REDIS}")
    try:
        storage_from_string(value)
    except Exception as error:  # noqa: BLE001 (each kind of store fails in its own way)
        raise ValueError(f"{error} Write memory:// or the address of a store.") from None
    return value


def smtp_url(value: str) -> MailServer | None:
    """Return the mail server, or None where there is to be none. No message has the password."""
    known = (
        "Write it like smtp://user:password@host:587 or smtps://user:password@host:465, "
        "and in the password %40 for @, %2F for /, %3F for ?, %23 for #, %25 for %."
    )
    not_one = f"it is not the address of a mail server. {known}"
    if not value:
        return None
    try:
        url = urlsplit(value)
        number = url.port
    except ValueError:
        raise ValueError(not_one) from None
    whole = url.scheme in MAIL_PORTS and url.hostname and number != 0
    if not whole or url.path.strip("/") or url.fragment:
        raise ValueError(not_one)
    user, password = unquote(url.username or ""), unquote(url.password or "")
    if bool(user) != bool(password) or not f"{user}{password}".isascii():
        raise ValueError(f"it needs a user and a password, both in ASCII, or neither. {known}")
    return MailServer(url.hostname, number or MAIL_PORTS[url.scheme], tls(url), user, password)


def tls(url: SplitResult) -> str:
    """When a connection to this mail server is to be hidden from others."""
    if url.scheme == "smtps" and not url.query:
        return "start"
    if url.scheme == "smtps" or url.query not in {"", "starttls=required", "starttls=never"}:
        raise ValueError('behind the "?" of an smtp:// address goes starttls=required, or nothing.')
    if url.query != "starttls=never":
        return "starttls"
    if url.hostname not in THIS_MACHINE:
        raise ValueError(
            "starttls=never would let others read the letters on their way. It is only for a mail "
            "server on this machine: localhost, 127.0.0.1 or ::1."
        )
    return "never"


def email_address(value: str) -> str:
    """Return the address in ASCII. Whether it exists is not asked of the network."""
    if not value:
        return ""
    try:
        found = validate_email(value, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError:
        raise ValueError(
            f'"{value}" is not an email address. Write it like office@example.org'
        ) from None
    return found.ascii_email


def retention(value: str) -> dict[str, int]:
    """Return after how many days without activity each kind of submission is erased."""
    days: dict[str, int] = {}
    for word in sorted(words(value), key=lambda word: "=" in word):  # what is for all comes first
        kind, _, number = word.rpartition("=")
        kinds = [kind.strip()] if kind else KINDS
        if not set(kinds) <= set(KINDS):
            raise ValueError(f'"{kind}" is not a kind of submission. {WRITE_RETENTION}')
        if not number.strip().isdecimal() or not SHORTEST <= int(number) <= LONGEST:
            raise ValueError(
                f'"{number}" is not a number of days from {SHORTEST} to {LONGEST}. '
                f"{WRITE_RETENTION}"
            )
        days |= dict.fromkeys(kinds, int(number))
    for kind in KINDS:
        if kind not in days:
            raise ValueError(f"it does not say how long to keep an {kind}. {WRITE_RETENTION}")
    return days


def secret_key(value: str) -> str:
    if len(value) < 32 or len(set(value)) < 10:
        raise ValueError(f"it is too short or too simple. To make one, type: {MAKE_SECRET_KEY}")
    return value


def secret_keys(value: str) -> list[str]:
    return [secret_key(word) for word in words(value)]


def vault_keys(value: str) -> list[bytes]:
    """Return the keys, newest first. The first one seals; all of them open."""
    try:
        keys = [base64.urlsafe_b64decode(word) for word in words(value)]
    except ValueError:
        keys = []
    if not keys or any(len(key) != 32 or len(set(key)) < 10 for key in keys):
        raise ValueError(
            "each key must be 32 random bytes in base64, separated by commas. "
            f"To make one, type: {MAKE_VAULT_KEY}"
        )
    return keys


def written_key(key: bytes) -> str:
    """One of the vault's keys as `VAULT_KEYS` has it."""
    return base64.urlsafe_b64encode(key).decode()


# name: (default as written in `.env.example`, what turns it into a value or raises ValueError)
SETTINGS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "INSTANCE_PATH": ("instance", lambda value: ROOT / value),
    "DATABASE_URL": ("sqlite:///site.db", database_url),
    "SITE_URL": ("", site_url),
    "TRUSTED_HOSTS": ("", hosts),
    "TRUSTED_PROXIES": ("0", count),
    "RATELIMIT_STORAGE_URI": ("memory://", rate_limit_store),
    "SPAM_SECONDS": ("3", count),
    "RETENTION_DAYS": ("appointment=730,intake=2555", retention),
    "SMTP_URL": ("", smtp_url),
    "MAIL_FROM": ("", email_address),
    "DEMO": ("false", boolean),
    "HOST": ("127.0.0.1", host),
    "PORT": ("8000", port),
    "SECRET_KEY": ("", secret_key),
    "SECRET_KEY_FALLBACKS": ("", secret_keys),
    "VAULT_KEYS": ("", vault_keys),
}

# Secrets that are made on the first run, into a file of this name in INSTANCE_PATH.
SECRETS: dict[str, Callable[[], str]] = {
    "SECRET_KEY": lambda: secrets.token_urlsafe(48),
    "VAULT_KEYS": lambda: written_key(secrets.token_bytes(32)),
}


def load(overrides: dict[str, Any]) -> dict[str, Any]:
    """Return every setting as a value: from `overrides`, else environment, `.env`, default.

    Keys of `overrides` that are no settings (Flask's own, such as TESTING) are passed through.
    Raises `SettingsError` for the first one that cannot be used.
    """
    given = {**dotenv_values(ROOT / ".env"), **os.environ, **overrides}
    written = {
        name: default if given.get(name) in (None, "") else str(given[name])
        for name, (default, _read) in SETTINGS.items()
    }
    instance = parse("INSTANCE_PATH", written["INSTANCE_PATH"])
    private_folder(instance)
    for name, make in SECRETS.items():
        written[name] = written[name] or kept_secret(instance / name.lower(), make)
    values = {name: parse(name, value) for name, value in written.items()}
    values["SITE_URL"] = values["SITE_URL"] or own_address(values["HOST"], values["PORT"])
    return {**overrides, **values}


def own_address(host: str, port: int) -> str:
    """Where the site is to be found as long as nobody says otherwise."""
    if host == "0.0.0.0" or ":" in host:  # noqa: S104 (every address, or one of IPv6)
        host = "127.0.0.1"
    return f"http://{host}:{port}"


def parse(name: str, value: str) -> Any:
    try:
        return SETTINGS[name][1](value)
    except ValueError as error:
        raise SettingsError(f"{name} cannot be used: {error}") from None
