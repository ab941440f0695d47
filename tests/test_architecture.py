"""The shape of the code: who may import whom, how addresses look, and who may enter."""

import ast
import re
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LAYERS = {
    5: {"app"},
    4: {"visitors", "patients", "staff", "commands", "errors", "layout"},
    3: {"forms", "outbox", "triage"},
    2: {"models"},
    1: {"content", "pagecache", "security", "vault", "settings"},
}
MODULES = {path.stem for path in ROOT.glob("*.py")}

# Staff addresses that must answer a stranger, because they are the way in.
OPEN = {"/staff/login"}
# Answered by Flask and by Flask-Security for everybody; they do nothing without a session.
HARMLESS = {"/staff/logout"}


def subject(module):
    """What a module is about: `content_files` is a part of `content`."""
    return module.split("_")[0]


def layer(module):
    return next(number for number, names in LAYERS.items() if subject(module) in names)


@cache
def imports(module):
    """Every module of ours that this one imports, inside functions as well."""
    found = set()
    for node in ast.walk(ast.parse((ROOT / f"{module}.py").read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module]
        found |= MODULES.intersection(names)
    return found


def forbidden(module, other):
    """Whether this import points up, or sideways to another subject."""
    if subject(module) == subject(other):
        return False
    return layer(other) >= layer(module)


@pytest.mark.parametrize("module", sorted(MODULES))
def test_every_module_has_a_layer_and_imports_only_downwards(module):
    assert [other for other in imports(module) if forbidden(module, other)] == []


def test_the_rule_would_notice_a_forbidden_import():
    assert forbidden("models", "forms")
    assert forbidden("patients", "staff")
    assert forbidden("visitors", "app")
    assert not forbidden("content_files", "content_markdown")


@pytest.mark.parametrize("module", sorted(MODULES))
def test_parts_of_one_subject_do_not_import_each_other_in_a_circle(module):
    seen, waiting = set(), list(imports(module))
    while waiting:
        other = waiting.pop()
        if other not in seen:
            seen.add(other)
            waiting.extend(imports(other))
    assert module not in seen


def test_no_module_or_folder_is_named_like_one_of_python(app):
    folders = {path.name for path in ROOT.iterdir() if path.is_dir()}
    assert (MODULES | folders) & set(sys.stdlib_module_names) == set()
    assert not (ROOT / "app").exists()


def test_only_models_makes_a_database():
    makers = {module for module in MODULES if "SQLAlchemy(" in (ROOT / f"{module}.py").read_text()}
    assert makers == {"models"}


def test_create_app_knows_names_and_no_insides():
    assert len((ROOT / "app.py").read_text().splitlines()) < 60


def test_every_module_of_the_site_is_under_300_lines():
    lengths = {name: len((ROOT / f"{name}.py").read_text().splitlines()) for name in MODULES}
    assert {name: length for name, length in lengths.items() if length >= 300} == {}


def test_every_url_parameter_has_a_type_and_every_path_is_kebab_case(app):
    for rule in app.url_map.iter_rules():
        assert not re.search(r"<[^:>]+>", rule.rule), rule
        assert re.fullmatch(r"[a-z0-9/.-]*", re.sub(r"<[^>]+>", "", rule.rule)), rule


# A new address is added here by hand, so that none appears or vanishes unnoticed.
ADDRESSES = """
/ /about /accessibility /articles/ /articles/<slug:slug> /awareness/ /awareness/<slug:slug>
/categories/<slug:slug> /diary /healthz /privacy /readyz /search /static/<path:filename>
/favicon.ico /feed.xml /robots.txt /site.webmanifest /sitemap.xml /.well-known/security.txt
/<flow:flow>/ /<flow:flow>/<string:name> /<flow:flow>/check /<flow:flow>/later
/<flow:flow>/resume/<string:token> /<flow:flow>/forget
/received/<string:token> /received/<string:token>/copy /requests/<string:token>
/requests/<string:token>/cancel /requests/<string:token>/times
/requests/<string:token>/appointment.ics
/staff/ /staff/account /staff/code /staff/login /staff/logout /staff/recovery-codes /staff/set-up
/staff/sign-out-everywhere /staff/stay /staff/overview /staff/activity /staff/export.csv
/staff/submissions/<reference:reference> /staff/submissions/<reference:reference>/status
/staff/submissions/<reference:reference>/schedule /staff/search /staff/several
/staff/submissions/<reference:reference>/assign /staff/submissions/<reference:reference>/notes
/staff/letters /staff/letters/resend /staff/submissions/<reference:reference>/print
/staff/submissions/<reference:reference>/hold /staff/submissions/<reference:reference>/resend
"""


def test_these_are_all_the_addresses(app):
    assert {rule.rule for rule in app.url_map.iter_rules()} == set(ADDRESSES.split())


def test_a_stranger_gets_the_sign_in_page_at_every_staff_address(app, submission, eve):
    adapter = app.url_map.bind("127.0.0.1")
    tried = set()
    for rule in app.url_map.iter_rules():
        if not rule.rule.startswith("/staff") or rule.rule in OPEN | HARMLESS:
            continue
        values = dict.fromkeys(rule.arguments, submission.reference)
        for method in rule.methods - {"OPTIONS"}:
            page = eve.ask(
                method,
                adapter.build(rule.endpoint, values, method=method),
                headers={"Sec-Fetch-Site": "same-origin"},
                follow_redirects=False,
            )
            # Without a token a POST is stopped even earlier.
            assert page.status in ({302} if method in {"GET", "HEAD"} else {302, 400}), rule
            if page.status == 302:
                assert page.headers["Location"].startswith("/staff/login")
            assert "Siobh" not in page.response.text
            tried.add(rule.rule)
    closed = {path for path in ADDRESSES.split() if path.startswith("/staff")} - OPEN - HARMLESS
    assert tried == closed


def test_every_form_that_changes_something_wants_a_token(app, ada, submission):
    """Every POST address refuses a request without its token, also for somebody signed in.

    Where there is nothing to change (no draft, no such link), it leads elsewhere before that. The
    tests of these pages try them with a draft, or with a link that opens something.
    """
    elsewhere = {
        "patients.send": 303,
        "patients.later": 303,
        "patients.resume": 410,
        "patients.request_page": 404,
        "patients.cancel": 404,
        "patients.times": 404,
    }
    adapter = app.url_map.bind("127.0.0.1")
    values = {"flow": "appointment", "name": "details", "reference": submission.reference}
    values["token"] = "made-up"
    for rule in app.url_map.iter_rules():
        if "POST" not in rule.methods:
            continue
        given = {name: values[name] for name in rule.arguments}
        page = ada.send(adapter.build(rule.endpoint, given, method="POST"), {}, follow=False)
        assert page.status == elsewhere.get(rule.endpoint, 400), rule
