"""What holds for every answer: headers, cookies, forms from elsewhere, hosts and limits."""

import pytest

import security
from app import create_app
from conftest import private_folder
from models import db
from pages import Person
from people import an_appointment, details, letters, link_in, submissions, to_check, to_details
from security import HEADERS, sign, unsign
from settings import written_key
from signing_in import PASSWORD, add_staff, sign_in

NEW_KEY, EARLIER_STILL = "k3-lP0_sY7dQ2vXw9-tRb5NhJm8uZcFa4e", "b8-Qw_4nTz1-yKp6VmXo0sLrGd2fHc7Ju"


def other_site(tmp_path_factory, **overrides):
    """An app with other settings. It has no tables, so only pages without data answer."""
    return create_app(INSTANCE_PATH=private_folder(tmp_path_factory), **overrides)


@pytest.mark.parametrize(
    ("method", "address", "status"),
    [
        ("GET", "/", 200),
        ("HEAD", "/", 200),
        ("GET", "/appointment/", 303),
        ("GET", "/static/site.css", 200),
        ("GET", "/static/", 404),
        ("GET", "/staff/", 302),
        ("GET", "/nothing", 404),
        ("POST", "/", 405),
        ("TRACE", "/", 405),
        ("POST", "/staff/login", 400),
    ],
)
def test_every_answer_carries_the_security_headers(bob, method, address, status):
    page = bob.ask(method, address, follow_redirects=False)
    assert page.status == status
    for name in HEADERS:
        assert page.headers.get(name), name
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'; ")
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert "Strict-Transport-Security" not in page.headers


@pytest.mark.parametrize(
    "address",
    ["/.git/config", "/.env", "/instance/site.db", "/console", "/metrics", "/staff/x.css"],
)
def test_nothing_but_the_site_is_served(bob, address):
    assert bob.visit(address).status == 404


def test_private_pages_are_never_stored(bob, ada, submission):
    pages = [
        bob.visit("/appointment/safety"),
        to_details(bob),
        ada.visit("/staff/"),
        ada.visit(f"/staff/submissions/{submission.reference}"),
        Person(bob.client.application.test_client()).visit("/staff/login"),
    ]
    assert [page.headers["Cache-Control"] for page in pages] == ["no-store"] * 5


def test_over_https_the_cookie_and_the_headers_are_strict(tmp_path_factory):
    app = other_site(tmp_path_factory, SITE_URL="https://www.example.org")
    answer = app.test_client().get("/staff/login", base_url="https://www.example.org")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-session=")
    for part in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert part in cookie.split("; ")
    assert "Domain" not in cookie
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=63072000")
    assert "upgrade-insecure-requests" in answer.headers["Content-Security-Policy"]


def test_a_host_that_is_not_ours_is_refused(tmp_path_factory):
    app = other_site(tmp_path_factory, TRUSTED_HOSTS="clinic.example.org")
    hosts = {"evil.example": 400, "clinic.example.org": 200, "127.0.0.1:8000": 200}
    for host, status in hosts.items():
        answer = app.test_client().get("/", headers={"Host": host})
        assert answer.status_code == status, host


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "https://notlocalhost"},
        {"Origin": "null"},
        {"Origin": "http://[bad"},
    ],
)
def test_a_form_sent_by_another_site_changes_nothing(bob, headers):
    check = to_check(bob)
    page = bob.ask("POST", "/appointment/check", data=check.typed(), headers=headers)
    assert page.status == 403
    assert submissions() == []


def test_an_old_browser_that_only_says_its_origin_is_let_through(bob):
    page = to_check(bob)
    headers = {"Origin": "http://localhost"}
    page = bob.ask("POST", "/appointment/check", data=page.typed(), headers=headers)
    assert page.path.startswith("/received/")


def test_a_form_far_beyond_any_honest_length_is_refused_kindly(bob):
    page = to_details(bob).submit(**details(message="x" * 1_100_000))
    assert page.status == 413
    assert "That was too long to send" in page.text


def test_a_token_opens_only_what_it_was_made_for(app):
    token = sign("received", "abc")
    assert unsign("received", token) == "abc"
    assert sign("received", "abc") == token
    for purpose, other in (("requests", token), ("received", token + "x"), ("received", "")):
        assert unsign(purpose, other) is None


@pytest.fixture
def limited(site, tmp_path_factory):
    """Make an app on the same database that counts tries, with other settings."""

    made = []

    def make(**overrides):
        url = db.engine.url.render_as_string(hide_password=False)
        made.append(other_site(tmp_path_factory, DATABASE_URL=url, **overrides))
        return made[-1]

    yield make
    for app in made:
        with app.app_context():
            db.engine.dispose()


@pytest.fixture
def moved(app, bob, ada, limited):
    """What Bob and Ada have under one `SECRET_KEY`, and a function that gives the site another."""
    an_appointment(bob)
    had = {"check": to_check(bob), "link": link_in(letters("received")[0])}

    def move(**settings):
        keys = ",".join(map(written_key, app.config["VAULT_KEYS"]))
        other = limited(SECRET_KEY=NEW_KEY, VAULT_KEYS=keys, **settings)
        bob.client.application = ada.client.application = other
        return had

    return move


def test_under_a_new_key_the_old_one_counts_as_long_as_it_is_a_fallback(app, moved, bob, ada):
    had = moved(SECRET_KEY_FALLBACKS=f"{EARLIER_STILL},{app.config['SECRET_KEY']}")
    assert ada.visit("/staff/").path == "/staff/"
    assert had["check"].submit().path.startswith("/received/")
    assert bob.visit(had["link"]).status == 200


def test_without_a_fallback_a_new_key_ends_sessions_and_links_and_no_password(moved, bob, ada):
    had = moved()
    page = ada.visit("/staff/")
    assert page.path == "/staff/login"
    assert sign_in(page).path == "/staff/"
    assert had["check"].submit().status == 400
    assert len(submissions()) == 1
    assert bob.visit(had["link"]).status == 404


def try_to_sign_in(app, **headers):
    page = Person(app.test_client()).visit("/staff/login")
    data = {**page.typed(), "email": "a@example.org", "password": "x"}
    return page.person.ask("POST", "/staff/login", data=data, headers=headers)


def test_after_ten_wrong_passwords_a_minute_an_address_has_to_wait(limited):
    app = limited()
    answers = [try_to_sign_in(app) for _ in range(11)]
    assert [answer.status for answer in answers] == [200] * 10 + [429]
    assert "Too many tries" in answers[-1].text
    assert int(answers[-1].headers["Retry-After"]) > 0


@pytest.mark.parametrize(("hops", "last"), [(0, 429), (1, 200)])
def test_only_a_known_proxy_may_say_where_a_request_comes_from(limited, hops, last):
    app = limited(TRUSTED_PROXIES=hops)
    for number in range(11):
        answer = try_to_sign_in(app, **{"X-Forwarded-For": f"203.0.113.{number}"})
    assert answer.status == last


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),  # the same, where the site listens to both kinds
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
    ],
)
def test_a_household_is_one_network_and_an_address_of_four_numbers_is_one(app, address, network):
    with app.test_request_context(environ_base={"REMOTE_ADDR": address}):
        assert security.network() == network


@pytest.mark.parametrize("email", ["ada@example.org", "nobody@example.org"])
@pytest.mark.parametrize(
    ("password", "status"),
    [(PASSWORD + "\0", 200), ("x" * 4_096, 200), ("x" * 4_097, 413), ("x" * 900_000, 413)],
)
def test_an_odd_password_is_refused_whoever_it_is_for(app, eve, email, password, status):
    add_staff(app, "ada@example.org", "handler")
    page = eve.visit("/staff/login").submit(email=email, password=password)
    assert (page.path, page.status) == ("/staff/login", status)


def test_signing_in_from_a_page_of_another_visit_is_refused(app, eve, bob):
    add_staff(app, "ada@example.org", "handler")
    token = eve.visit("/staff/login").typed()["csrf_token"]
    page = bob.visit("/staff/login")
    page = page.submit(email="ada@example.org", password=PASSWORD, csrf_token=token)
    assert page.status == 400
    assert "This page was open too long" in page.text
