"""Every staff address, by every method, for everybody: one table says who gets what."""

import pytest

from models import db
from models_staff import ROLES
from pages import Person
from signing_in import PASSWORD, add_staff, sign_in

# Who: nobody we know; with a one-time password; with an own password and no phone yet; with the
# password alone, whose phone we know; and who is in, by role.
PEOPLE = ("stranger", "first", "phoneless", "half", *ROLES)

# What they get: a status, or the page that they are sent to (`back` is the submission itself). A
# form is sent empty, with a good token, so 400 and 422 mean: may send it, and has to fill it in.
SENT_TO = {
    "login": "/staff/login",
    "own": "/staff/account",
    "phone": "/staff/set-up",
    "code": "/staff/code",
    "queue": "/staff/",
}
TABLE = """
GET  /staff/                                             login own phone code 200   200   200
GET  /staff/overview                                     login own phone code 200   200   200
GET  /staff/activity                                     login own phone code 403   403   200
GET  /staff/export.csv                                   login own phone code 403   403   200
POST /staff/export.csv                                   login own phone code 403   403   422
GET  /staff/submissions/<reference:reference>            login own phone code 200   200   200
POST /staff/submissions/<reference:reference>/status     login own phone code 403   400   400
POST /staff/submissions/<reference:reference>/schedule   login own phone code 403   422   422
POST /staff/submissions/<reference:reference>/assign     login own phone code 403   400   400
POST /staff/submissions/<reference:reference>/notes      login own phone code 403   422   422
POST /staff/submissions/<reference:reference>/hold       login own phone code 403   back  back
POST /staff/submissions/<reference:reference>/resend     login own phone code 403   400   400
POST /staff/submissions/<reference:reference>/print      login own phone code 200   200   200
GET  /staff/letters                                      login own phone code 200   200   200
POST /staff/letters/resend                               login own phone code 403   400   400
POST /staff/search                                       login own phone code queue queue queue
POST /staff/several                                      login own phone code 403   400   400
GET  /staff/login                                        200   own phone code queue queue queue
POST /staff/login                                        200   own phone code queue queue queue
GET  /staff/account                                      login 200 phone code 200   200   200
POST /staff/account                                      login 200 phone code 200   200   200
GET  /staff/set-up                                       login own 200   code queue queue queue
POST /staff/set-up                                       login own 422   code queue queue queue
GET  /staff/code                                         login own phone 200  queue queue queue
POST /staff/code                                         login own phone 422  queue queue queue
GET  /staff/recovery-codes                               login own phone code 200   200   200
POST /staff/recovery-codes                               login own phone code 422   422   422
POST /staff/stay                                         login 200 200   200  200   200   200
POST /staff/sign-out-everywhere                          login own phone code login login login
POST /staff/logout                                       login login login login login login login
"""
ROWS = {tuple(row[:2]): row[2:] for row in map(str.split, TABLE.strip().splitlines())}
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE")
ENDS = {"/staff/logout", "/staff/sign-out-everywhere"}


def become(app, who):
    """Somebody as far as `who` comes, with the token of this browser's own forms."""
    person = Person(app.test_client())
    person.checks = False  # what is on the pages, other tests look at
    page = person.visit("/staff/login")
    if who != "stranger":
        page = come_in(page, app, who)
    person.token = page.soup.select_one("input[name=csrf_token]")["value"]
    return person


def come_in(page, app, who):
    email, role = f"{who}@example.org", who if who in ROLES else "admin"
    if not app.extensions["security"].datastore.find_user(email=email):
        add_staff(app, email, role, must_change_password=who == "first", phone=who != "phoneless")
    db.session.rollback()
    return sign_in(page, email) if who in ROLES else page.submit(email=email, password=PASSWORD)


def asks(person, method, address):
    """Send a request, with a token where one is due; follow where the sign-in page leads on."""
    data = {"csrf_token": person.token} if method == "POST" else None
    page = person.ask(method, address, data=data, follow_redirects=False)
    if address == "/staff/login" and page.headers.get("Location") == "/staff/":
        on = person.visit("/staff/", follow_redirects=False)
        return on if on.headers.get("Location") else page
    return page


def outcome(page):
    """What the table calls this answer."""
    place = (page.headers.get("Location") or "").partition("?")[0]
    names = {path: name for name, path in SENT_TO.items()}
    return "back" if "/submissions/" in place else names.get(place, place or str(page.status))


def expected(who, method, rule):
    """What the table says. A HEAD gets what a GET gets, and OPTIONS what the first of them does."""
    if method not in rule.methods:
        return "405"
    asked = next(name for name in ("GET", "POST") if name in rule.methods)
    return ROWS[method if method == "POST" else asked, rule.rule][PEOPLE.index(who)]


@pytest.mark.parametrize("who", PEOPLE)
def test_everybody_gets_at_every_address_what_the_table_says(app, who, submission):
    adapter, person, wrong = app.url_map.bind("127.0.0.1"), become(app, who), []
    rules = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/staff")]
    for rule in sorted(rules, key=lambda rule: rule.rule in ENDS):
        values = dict.fromkeys(rule.arguments, submission.reference)
        address = adapter.build(rule.endpoint, values, method=max(rule.methods))
        for method in METHODS:
            page, right = asks(person, method, address), expected(who, method, rule)
            if method == "OPTIONS" and outcome(page) == "200" and who != "stranger":
                right = "200"  # it says which methods there are, and does nothing
                assert page.response.text == ""
            if outcome(page) != right:
                wrong.append((method, rule.rule, outcome(page), right))
            if who not in ROLES or right == "403":
                assert "Siobh" not in page.response.text
        if rule.rule in ENDS:
            person = become(app, who)
    assert wrong == []


def test_the_table_has_no_address_that_is_gone(app):
    there_are = {
        (method, rule.rule) for rule in app.url_map.iter_rules() for method in rule.methods
    }
    assert set(ROWS) <= there_are
