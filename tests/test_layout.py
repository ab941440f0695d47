"""Static files have addresses that change with their contents."""

import re

import pytest
from flask import url_for

from layout import AN_HOUR, FOREVER


@pytest.fixture
def static(app, tmp_path, monkeypatch):
    """A folder of static files, with two style sheets and a secret beside it."""
    folder = tmp_path / "static"
    (folder / "print").mkdir(parents=True)
    (folder / "site.css").write_text("p { color: red }")
    (folder / "print" / "page.css").write_text("p { color: black }")
    (tmp_path / "secret.css").write_text("secret")
    monkeypatch.setattr(app, "static_folder", str(folder))
    app.extensions["pagecache"].forget()
    yield folder
    app.extensions["pagecache"].forget()


def address(app, name):
    with app.test_request_context():
        return url_for("static", filename=name)


@pytest.mark.parametrize("name", ["site.css", "print/page.css"])
def test_a_static_file_is_kept_for_good_under_an_address_of_its_contents(app, bob, static, name):
    found = address(app, name)
    assert re.fullmatch(r"/static/(print/)?\w+\.[0-9a-f]{12}\.css", found)
    page = bob.visit(found)
    assert page.response.text == (static / name).read_text()
    assert page.headers["Cache-Control"] == FOREVER
    assert page.headers["Content-Type"] == "text/css; charset=utf-8"


def test_a_changed_file_has_another_address_and_the_old_one_is_gone(app, bob, static):
    old = address(app, "site.css")
    (static / "site.css").write_text("p { color: green }")
    assert address(app, "site.css") != old
    gone = bob.visit(old)
    assert gone.status == 404
    assert gone.headers["Cache-Control"] == "no-store"


def test_a_plain_address_is_kept_for_an_hour(bob, static):
    page = bob.visit("/static/site.css")
    assert page.response.text == "p { color: red }"
    assert page.headers["Cache-Control"] == AN_HOUR


@pytest.mark.parametrize(
    "name",
    [
        "site.000000000000.css",
        "site.{}.000000000000.css",
        "site.{}.{}.css",
        "site.{}.css/",
        "site.{}.js",
        "other.{}.css",
        "../secret.css",
        "../secret.2bb80d537b1d.css",
        "..%2fsecret.2bb80d537b1d.css",
    ],
)
def test_no_other_address_leads_to_a_file(app, bob, static, name):
    mark = address(app, "site.css").split(".")[1]
    assert bob.visit(f"/static/{name.replace('{}', mark)}").status == 404


def test_no_file_outside_the_folder_is_looked_at(app, static):
    assert address(app, "../secret.css") == "/static/../secret.css"


def test_every_page_names_its_files_by_their_contents(bob):
    soup = bob.visit("/").soup
    found = [tag.get("href", tag.get("src")) for tag in soup.select("head [href], head [src]")]
    files = [path for path in found if path.startswith("/static/")]
    assert len(files) >= 3
    for path in files:
        assert bob.visit(path).headers["Cache-Control"] == FOREVER
