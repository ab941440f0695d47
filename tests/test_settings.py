"""The owner's settings: what is unsafe is refused in one sentence; secrets are made once."""

import base64
import os
import re
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

import settings
from settings import SETTINGS, MailServer, SettingsError, load, smtp_url

KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()
OLDER_KEY = base64.urlsafe_b64encode(bytes(range(32, 64))).decode()
AT_ONCE = 20

MAKE_ONE = "To make one, type: python3 -c"
KEPT = "Write a number of days for all, like 730, or for each: appointment=730,intake=2555"
DATABASES = "Write sqlite:///site.db or postgresql://user:password@host/name"
SITE = "Write it like https://www.example.org"
HOST = "Write it like www.example.org"
MAIL = "Write it like smtp://user:password@host:587"
EMAIL = "Write it like office@example.org"


@pytest.fixture
def folder(tmp_path):
    """An instance folder that does not exist yet."""
    return tmp_path / "parent" / "instance"


@pytest.fixture
def no_umask():
    """The most careless umask there is."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(
    ("name", "value", "what_to_type"),
    [
        ("SECRET_KEY", "short", MAKE_ONE),
        ("SECRET_KEY", "0123456789abcdefghijklmnopqrstu", MAKE_ONE),  # 31 characters
        ("SECRET_KEY", "a" * 64, MAKE_ONE),
        ("SECRET_KEY", "secret" * 20, MAKE_ONE),
        ("SECRET_KEY_FALLBACKS", f"{KEY},short", MAKE_ONE),
        ("VAULT_KEYS", "short", MAKE_ONE),
        ("VAULT_KEYS", "nöt base64", MAKE_ONE),
        ("VAULT_KEYS", ",", MAKE_ONE),
        ("VAULT_KEYS", base64.urlsafe_b64encode(bytes(range(16))).decode(), MAKE_ONE),
        ("VAULT_KEYS", base64.urlsafe_b64encode(bytes(32)).decode(), MAKE_ONE),
        ("VAULT_KEYS", f"{KEY},{KEY[:20]}", MAKE_ONE),
        ("DEMO", "maybe", "Write true or false"),
        ("DATABASE_URL", "mysql://ann:hunter2@host/site", DATABASES),
        ("DATABASE_URL", "postgresql+psycopg2://ann:hunter2@host/site", DATABASES),
        ("DATABASE_URL", "postgresql://ann:hunter2@host:port/site", DATABASES),
        ("DATABASE_URL", "ann:hunter2", DATABASES),
        ("DATABASE_URL", "sqlite://", DATABASES),
        ("DATABASE_URL", "sqlite:///:memory:", DATABASES),
        ("RETENTION_DAYS", "29", KEPT),
        ("RETENTION_DAYS", "36501", KEPT),
        ("RETENTION_DAYS", "appointment=730,intake=7", KEPT),
        ("RETENTION_DAYS", "appointment=two years,intake=2555", KEPT),
        ("RETENTION_DAYS", "appointment=730,letters=90,intake=2555", KEPT),
        ("RETENTION_DAYS", "appointment=730", KEPT),  # and an intake?
        ("RETENTION_DAYS", ",", KEPT),
        ("RETENTION_DAYS", "-730", KEPT),
        ("PORT", "0", "Write a number from 1 to 65535"),
        ("PORT", "65536", "Write a number from 1 to 65535"),
        ("PORT", "http", "Write 0, 1, 2"),
        ("PORT", "-1", "Write 0, 1, 2"),
        ("PORT", "８０", "Write 0, 1, 2"),
        ("SITE_URL", "www.example.org", SITE),
        ("SITE_URL", "ftp://example.org", SITE),
        ("SITE_URL", "https://", SITE),
        ("SITE_URL", "https://[", SITE),
        ("SITE_URL", "https://example.org:port", SITE),
        ("SITE_URL", "https://example.org/clinic", SITE),
        ("SITE_URL", "https://example.org?page=1", SITE),
        ("SITE_URL", "https://www..example.org", SITE),
        ("TRUSTED_HOSTS", "www.example.org, a..example.org", HOST),
        ("HOST", "x" * 64, HOST),
        ("HOST", "[", HOST),
        ("TRUSTED_PROXIES", "x", "Write 0, 1, 2"),
        ("TRUSTED_PROXIES", "1.5", "Write 0, 1, 2"),
        ("SMTP_URL", "mail.example.org", MAIL),
        ("SMTP_URL", "http://mail.example.org", MAIL),
        ("SMTP_URL", "smtp://", MAIL),
        ("SMTP_URL", "smtp://ann:hunter2@", MAIL),
        ("SMTP_URL", "smtp://ann:hunter2@mail.example.org:0", MAIL),
        ("SMTP_URL", "smtp://ann:hunter2@mail.example.org:70000", MAIL),
        ("SMTP_URL", "smtp://ann:hunter2@mail.example.org:port", MAIL),
        ("SMTP_URL", "smtp://ann:hunter2@mail.example.org/inbox", MAIL),
        ("SMTP_URL", "smtp://ann:hunter2/x@mail.example.org", MAIL),
        ("SMTP_URL", "smtp://ann:2/hunter2@mail.example.org", MAIL),
        ("SMTP_URL", "smtp://ann:hunter2#x@mail.example.org", MAIL),
        ("SMTP_URL", "smtp://ann:2#hunter2@mail.example.org", MAIL),
        ("SMTP_URL", "smtp://ann:2?hunter2@mail.example.org", "starttls=required, or nothing"),
        ("SMTP_URL", "smtp://ann:hunter2@[mail.example.org", MAIL),
        ("SMTP_URL", "smtp://ann@mail.example.org", "a user and a password"),
        ("SMTP_URL", "smtp://:hunter2@mail.example.org", "a user and a password"),
        ("SMTP_URL", "smtp://ann:hunter2%C3%A9@mail.example.org", "in ASCII"),
        ("SMTP_URL", "smtp://ann:hunter2@mail.example.org?starttls=no", "starttls=required"),
        ("SMTP_URL", "smtp://ann:hunter2@mail.example.org?tls=required", "starttls=required"),
        ("SMTP_URL", "smtps://ann:hunter2@mail.example.org?starttls=never", "of an smtp://"),
        ("SMTP_URL", "smtp://ann:hunter2@mail.example.org?starttls=never", "this machine"),
        ("SMTP_URL", "smtp://ann:hunter2@127.0.0.1.example.org?starttls=never", "this machine"),
        ("SMTP_URL", "smtp://ann:hunter2@10.0.0.1?starttls=never", "this machine"),
        ("MAIL_FROM", "letters", EMAIL),
        ("MAIL_FROM", "letters@localhost", EMAIL),
        ("MAIL_FROM", "Letters <letters@example.org>", EMAIL),
        ("MAIL_FROM", "létters@example.org", EMAIL),
    ],
)
def test_an_unsafe_setting_is_refused_with_what_to_type(folder, name, value, what_to_type):
    with pytest.raises(SettingsError) as refusal:
        load({"INSTANCE_PATH": folder, name: value})
    message = refusal.value.format_message()
    assert message.startswith(f"{name} cannot be used: ")
    assert what_to_type in message
    assert "hunter2" not in message


@pytest.mark.parametrize(
    ("name", "written", "value"),
    [
        ("DEMO", "Yes", True),
        ("RETENTION_DAYS", "", {"appointment": 730, "intake": 2555}),
        ("RETENTION_DAYS", "730", {"appointment": 730, "intake": 730}),
        ("RETENTION_DAYS", "intake = 2555, 365", {"appointment": 365, "intake": 2555}),
        ("RETENTION_DAYS", "appointment=30,intake=36500", {"appointment": 30, "intake": 36_500}),
        ("DEMO", "0", False),
        ("PORT", "65535", 65535),
        ("TRUSTED_PROXIES", "2", 2),
        ("TRUSTED_HOSTS", " a.example.org, ,b.example.org", ["a.example.org", "b.example.org"]),
        ("SITE_URL", "https://www.example.org/", "https://www.example.org"),
        ("VAULT_KEYS", f"{KEY}, {OLDER_KEY}", [bytes(range(32)), bytes(range(32, 64))]),
        ("DATABASE_URL", "sqlite:////srv/site.db", "sqlite:////srv/site.db"),
        ("PORT", "", 8000),  # empty means the default
        ("SMTP_URL", "", None),
        (
            "SMTP_URL",
            "smtp://ann%40example.org:p%40ss%2Fw%3Ard%25@mail.example.org",
            MailServer("mail.example.org", 587, "starttls", "ann@example.org", "p@ss/w:rd%"),
        ),
        (
            "SMTP_URL",
            "smtp://Mail.example.org:2525/?starttls=required",
            MailServer("mail.example.org", 2525, "starttls", "", ""),
        ),
        (
            "SMTP_URL",
            "smtps://ann:secret@mail.example.org",
            MailServer("mail.example.org", 465, "start", "ann", "secret"),
        ),
        (
            "SMTP_URL",
            "smtp://localhost:25?starttls=never",
            MailServer("localhost", 25, "never", "", ""),
        ),
        ("SMTP_URL", "smtp://[::1]:25?starttls=never", MailServer("::1", 25, "never", "", "")),
        ("MAIL_FROM", "", ""),
        ("MAIL_FROM", "Letters@Bücher.example.org", "Letters@xn--bcher-kva.example.org"),
    ],
)
def test_a_setting_is_read_as_it_is_meant(folder, name, written, value):
    assert load({"INSTANCE_PATH": folder, name: written})[name] == value


def test_redis_without_its_package_says_what_to_type(folder, monkeypatch):
    monkeypatch.setattr(settings, "find_spec", lambda _name: None)
    with pytest.raises(SettingsError, match=f"pip install {settings.REDIS}$"):
        load({"INSTANCE_PATH": folder, "RATELIMIT_STORAGE_URI": "redis://127.0.0.1"})
    root = Path(settings.__file__).parent
    for name in ("requirements-dev.txt", ".env.example", "docs/operations.md"):
        assert settings.REDIS in (root / name).read_text(encoding="utf-8")


def test_the_password_of_the_mail_server_is_not_printed_with_it():
    assert "hunter2" not in repr(smtp_url("smtp://ann:hunter2@mail.example.org"))


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_spelling_of_postgresql_gets_our_driver_and_keeps_its_password(folder, scheme):
    address = "://ann:p%40ss%2Fw0rd@db.example.org:5433/site?sslmode=require"
    loaded = load({"INSTANCE_PATH": folder, "DATABASE_URL": scheme + address})
    assert loaded["DATABASE_URL"] == f"postgresql+psycopg{address}"


def test_an_override_beats_the_environment_which_beats_the_env_file(folder, monkeypatch):
    folder.parent.mkdir()
    (folder.parent / ".env").write_text("PORT=8001\n")
    monkeypatch.setattr(settings, "ROOT", folder.parent)
    monkeypatch.delenv("PORT")
    assert load({"INSTANCE_PATH": folder})["PORT"] == 8001
    monkeypatch.setenv("PORT", "8002")
    assert load({"INSTANCE_PATH": folder})["PORT"] == 8002
    assert load({"INSTANCE_PATH": folder, "PORT": 8003})["PORT"] == 8003


def test_an_override_of_false_beats_true_in_the_environment(folder, monkeypatch):
    monkeypatch.setenv("DEMO", "true")
    assert load({"INSTANCE_PATH": folder, "DEMO": False})["DEMO"] is False


def test_what_is_no_setting_of_ours_is_passed_through_to_flask(folder):
    assert load({"INSTANCE_PATH": folder, "TESTING": True})["TESTING"] is True


def test_secrets_are_made_on_the_first_run_for_their_owner_only_and_kept(folder, no_umask):
    first, second = load({"INSTANCE_PATH": folder}), load({"INSTANCE_PATH": folder})
    assert len(first["SECRET_KEY"]) >= 48
    assert [len(key) for key in first["VAULT_KEYS"]] == [32]
    assert second == first
    assert mode(folder) == 0o700
    assert {path.name: mode(path) for path in folder.iterdir()} == {
        "secret_key": 0o600,
        "vault_keys": 0o600,
    }


def test_two_installations_never_share_a_secret(tmp_path):
    one, other = (load({"INSTANCE_PATH": tmp_path / name}) for name in ("one", "other"))
    assert one["SECRET_KEY"] != other["SECRET_KEY"]
    assert one["VAULT_KEYS"] != other["VAULT_KEYS"]


@pytest.mark.parametrize("attempt", range(5))
def test_all_that_start_at_once_agree_on_one_secret(folder, attempt):
    start = Barrier(AT_ONCE)

    def begin(_number):
        start.wait()
        loaded = load({"INSTANCE_PATH": folder})
        return loaded["SECRET_KEY"], *loaded["VAULT_KEYS"]

    with ThreadPoolExecutor(AT_ONCE) as pool:
        assert len(set(pool.map(begin, range(AT_ONCE)))) == 1
    assert sorted(path.name for path in folder.iterdir()) == ["secret_key", "vault_keys"]


def test_a_secret_in_the_environment_makes_no_file(folder, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "correct horse battery staple 1234567")
    assert load({"INSTANCE_PATH": folder})["SECRET_KEY"].startswith("correct horse")
    assert not (folder / "secret_key").exists()


@pytest.mark.parametrize("name", ["secret_key", "vault_keys"])
@pytest.mark.parametrize("others_may", [0o640, 0o604])
def test_a_secret_that_others_can_read_is_refused(folder, name, others_may):
    load({"INSTANCE_PATH": folder})
    (folder / name).chmod(others_may)
    with pytest.raises(SettingsError, match=f"Type: chmod 600 {folder / name}"):
        load({"INSTANCE_PATH": folder})


@pytest.mark.parametrize("name", ["secret_key", "vault_keys"])
def test_a_secret_file_that_holds_nothing_is_refused(folder, name):
    load({"INSTANCE_PATH": folder})
    (folder / name).write_text("\n")
    with pytest.raises(SettingsError, match=f"^{name.upper()} cannot be used"):
        load({"INSTANCE_PATH": folder})


@pytest.mark.parametrize("others_may", [0o750, 0o701])
def test_a_folder_that_others_can_read_is_refused(folder, others_may):
    load({"INSTANCE_PATH": folder})
    folder.chmod(others_may)
    with pytest.raises(SettingsError, match=f"Type: chmod 700 {folder}"):
        load({"INSTANCE_PATH": folder})


def test_a_folder_that_cannot_be_made_is_refused(folder):
    folder.parent.write_text("a file is in the way")
    with pytest.raises(SettingsError, match="Set INSTANCE_PATH to a folder"):
        load({"INSTANCE_PATH": folder})


def test_the_example_file_lists_every_setting_once_with_its_real_default():
    text = (Path(settings.__file__).parent / ".env.example").read_text(encoding="utf-8")
    written = re.findall(r"^(?:# ?)?([A-Z][A-Z0-9_]*)=(.*)$", text, re.MULTILINE)
    assert sorted(written) == sorted((name, default) for name, (default, _) in SETTINGS.items())
