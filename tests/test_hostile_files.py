"""Content files and settings with anything in them: a clear sentence, or a site that works."""

import re
import shutil
from functools import partial

import flask_migrate
from hypothesis import given
from hypothesis import strategies as st

import content_files
import settings
from app import create_app
from conftest import private_folder
from content_files import ContentError
from hostile import NASTY, effort, values
from settings import SETTINGS, SettingsError

PAGES = [
    *("/", "/articles/", "/awareness/", "/awareness/june", "/categories/spine", "/search?q=neck"),
    *("/articles/migraines-and-the-spine", "/diary", "/about", "/privacy", "/accessibility"),
    *("/feed.xml", "/sitemap.xml", "/robots.txt", "/.well-known/security.txt"),
    *("/site.webmanifest", "/appointment/safety", "/intake/safety", "/staff/login"),
]
FILES = {
    name: (content_files.FOLDER / name).read_bytes()
    for name in [
        *("articles/migraines-and-the-spine.md", "months/june.md", "pages/about.md"),
        *("practice.toml", "red_flags.toml", "risk_factors.toml", "sources.toml"),
        *("categories.toml", "consent.toml", "instruments.toml"),
        "figures/head-and-neck-nerves.svg",
    ]
}
TYPES = [
    *("1", "-1", "0.5", "nan", "true", "null", "''", '""', "[]", "[[]]", "[1]", "{}", "'x'"),
    *("2026-06-30", "0001-01-01", "9999-12-31", "2026-06-30T10:00:00Z", "08:00:00", "~", "|", "*a"),
    *(
        "9" * 5000,
        "[" * 5000,
        '["x"]',
        '[""]',
        "{a = 1}",
        '"https://"',
        '"a\\u0000b"',
        "!!python/x",
    ),
]
LINES = [
    *("", "---", "+++", "x = 1", "x: 1", "[x]", "[[x]]", ":::", "::: urgent x", "# x", "> " * 500),
    *("[@x]", "{{practice.name}}", "{{", "![x](figures/x)", "[x](javascript:x)", "```", "- " * 500),
    *("<script>x</script>", "| a |", "\0", "&a [*a, *a]", "[x]: x", "\ufeff", "\r", '"""', "'''"),
]
some_bytes = st.binary(max_size=4) | values.map(lambda text: text.encode("utf-8", "surrogatepass"))


@st.composite
def spoiled(draw, whole):
    """A file in which a few lines were lost, doubled, put in or given another value, or bytes."""
    for _time in range(draw(st.integers(1, 3))):
        lines = whole.splitlines(keepends=True) or [b""]
        at = draw(st.integers(0, len(lines) - 1))
        name = re.match(rb"\s*(- )?[\w-]+( = |: ?)", lines[at])
        new = draw(st.sampled_from(TYPES if name else LINES) | values)
        new = new.encode("utf-8", "surrogatepass") + b"\n"
        byte = draw(st.integers(0, len(whole)))
        whole = draw(
            st.sampled_from(
                [
                    b"".join(lines[:at] + lines[at + 1 :]),
                    b"".join(lines[: at + 1] + lines[at:]),
                    b"".join([*lines[:at], new, *lines[at:]]),
                    b"".join([*lines[:at], (name[0] if name else b"") + new, *lines[at + 1 :]]),
                    whole[:byte],
                    whole[:byte] + draw(some_bytes) + whole[byte:],
                ]
            )
        )
    return whole


def works(app):
    """See that each kind of page answers."""
    with app.app_context():
        flask_migrate.upgrade()
    client = app.test_client()
    for page in PAGES:
        answer = client.get(page, follow_redirects=True)
        assert answer.status_code in {200, 404}, page


@effort(few=8, many=300)
def test_any_content_file_is_refused_in_a_sentence_or_makes_a_site(
    tmp_path_factory, monkeypatch, effort
):
    folder = tmp_path_factory.mktemp("any") / "content"
    shutil.copytree(content_files.FOLDER, folder)
    monkeypatch.setattr(content_files, "load", partial(content_files.load, folder))
    instance = private_folder(tmp_path_factory)

    @effort
    @given(
        st.sampled_from(sorted(FILES)).flatmap(
            lambda name: st.tuples(st.just(name), spoiled(FILES[name]))
        )
    )
    def attempt(file):
        name, contents = file
        (folder / name).write_bytes(contents)
        try:
            works(create_app(INSTANCE_PATH=instance, PROPAGATE_EXCEPTIONS=True))
        except ContentError as error:
            message = error.format_message()
            assert re.match(r"[\w/-]+\.(md|toml|svg)\b", message), message
            assert message.endswith("."), message
        finally:
            (folder / name).write_bytes(FILES[name])

    attempt()


EXAMPLES = [
    *(default for default, _read in SETTINGS.values()),
    *("https://www.example.org", "http://127.0.0.1:8000", "office@example.org", "::1", "0.0.0.0"),
    *("smtp://ann:hunter2@mail.example.org:587?starttls=required", "smtps://mail.example.org"),
    *("postgresql://ann:hunter2@localhost/site", "sqlite:////srv/site.db", "memcached://x"),
    *("a.example.org, b.example.org", "appointment=30,intake=36500", "1", "65536"),
]
ELSEWHERE = {"DATABASE_URL", "RATELIMIT_STORAGE_URI"}  # they would be looked for
# What an environment can hold: no NUL, and bytes that are no UTF-8 as halves of pairs.
written = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
written |= st.sampled_from([text for text in NASTY if text.isprintable()] + ["\udcff", "٣" * 3])


@st.composite
def spoiled_settings(draw):
    example = draw(st.sampled_from(EXAMPLES))
    at = draw(st.integers(0, len(example)))
    return draw(st.sampled_from([example[:at], example[:at] + draw(written) + example[at:]]))


@effort(few=8, many=600)
def test_any_setting_is_refused_in_a_sentence_or_makes_a_site(tmp_path_factory, effort):
    folder = private_folder(tmp_path_factory)

    @effort
    @given(st.sampled_from(sorted(SETTINGS)), spoiled_settings() | written)
    def attempt(name, value):
        if name == "INSTANCE_PATH":
            value = f"{folder}/{re.sub('[/.]', '', value)}"
        given = {"INSTANCE_PATH": folder, "PROPAGATE_EXCEPTIONS": True, name: value}
        try:
            settings.load(given)
            if name not in ELSEWHERE:
                works(create_app(**given))
        except SettingsError as error:
            message = error.format_message()
            assert message.startswith((f"{name} cannot be used: ", "The folder "))
            assert "hunter2" not in message or name not in {"SMTP_URL", "DATABASE_URL"}

    attempt()
