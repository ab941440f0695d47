"""A patient's or a visitor's browser, as far as a test needs one, and what every page must keep."""

import json
from collections import defaultdict
from contextvars import Context
from functools import cached_property
from itertools import chain
from urllib.parse import urlsplit

from bs4 import BeautifulSoup
from flask.testing import FlaskClient
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect


class Page:
    """One answer of the site, checked as a page when it is one."""

    def __init__(self, person, response):
        self.person, self.response = person, response
        self.status, self.headers = response.status_code, response.headers
        self.path = response.request.path
        is_page = response.mimetype == "text/html" and "Content-Encoding" not in self.headers
        self.html = response.text if is_page else ""
        if person.checks and self.html and not response.location:
            check_page(self.soup, person.client.application)

    @cached_property
    def soup(self):
        return BeautifulSoup(self.html, "html.parser")

    @property
    def title(self):
        return self.soup.title.get_text()

    @property
    def text(self):
        return " ".join(self.soup.body.get_text(" ").split())

    @property
    def errors(self):
        """The error summary: {id of the field it links to: message}."""
        links = self.soup.select("#error-summary a")
        return {link["href"].removeprefix("#"): link.get_text() for link in links}

    def typed(self, form="main form"):
        """What the form would send now, as a browser collects it."""
        return typed_in(self.soup.select_one(form))

    def asked(self):
        """The names of all fields that the form has."""
        return {field["name"] for field in self.soup.select("main form [name]:not(button)")}

    def words_asked(self):
        """The names of all fields of the form that take words of the patient's own."""
        own = "textarea, input[type=text]:not([inputmode], [autocomplete^=bday], #website)"
        return [field["name"] for field in self.soup.select_one("main form").select(own)]

    def forms(self):
        """What each form of the page that changes something sends, by a selector for it."""
        for form in self.soup.select("main form[method=post]"):
            selector = f"main form[action='{form['action']}']"
            yield selector, self.typed(selector)

    def submit(self, form="main form", *, follow=True, **changes):
        """Press the button after making `changes` (None leaves a field out)."""
        data = {**self.typed(form), **changes}
        data = {name: value for name, value in data.items() if value is not None}
        action = self.soup.select_one(form)["action"]
        return self.person.send(action, data, follow=follow)

    def link(self, words):
        """Follow the link with these words."""
        found = next(a for a in self.soup.select("a") if words == a.get_text().strip())
        return self.person.visit(found["href"])


class Person:
    """Somebody with a browser of their own. `checks`: whether every page is looked at closely."""

    checks = True

    def __init__(self, client: FlaskClient):
        self.client = client

    def visit(self, path, **options):
        return self.ask("GET", path, **options)

    def send(self, path, data, *, follow=True):
        headers = {"Sec-Fetch-Site": "same-origin"}
        return self.ask("POST", path, data=data, headers=headers, follow_redirects=follow)

    def ask(self, method, path, **options):
        """Make a request outside the test's own app context, with its own database session."""
        options = {"method": method, "follow_redirects": True, "buffered": True, **options}
        return Page(self, Context().run(self.client.open, path, **options))


def typed_in(form):
    """What this form of a page would send now."""
    data = {}
    for field in form.find_all(["input", "textarea", "select"]):
        kind = field.get("type")
        if kind in {"radio", "checkbox"} and not field.has_attr("checked"):
            continue
        if field.name == "textarea":
            # A browser drops the newline right behind the tag.
            data[field["name"]] = field.get_text().removeprefix("\n")
        elif field.name == "select":
            chosen = field.find(selected=True) or field.find("option")
            data[field["name"]] = chosen["value"]
        elif kind == "checkbox":
            data.setdefault(field["name"], []).append(field["value"])
        elif kind == "hidden" and field["name"] in data:
            data[field["name"]] = [*as_list(data[field["name"]]), field["value"]]
        else:
            data[field["name"]] = field.get("value", "")
    return data


def as_list(value):
    return value if isinstance(value, list) else [value]


def check_page(soup, app):
    """What holds for every page, whoever it is for. Raises AssertionError.

    Every page of every test comes by here, so it is walked through once, without selectors.
    """
    tags = defaultdict(list)
    for tag in soup.find_all():
        tags[tag.name].append(tag)
        assert not [name for name in tag.attrs if name == "style" or name.startswith("on")], tag
    title = soup.title.get_text().removeprefix("Error: ")
    (h1,) = tags["h1"]
    assert title.startswith(" ".join(h1.get_text().split())), (title, h1.get_text())
    assert soup.html["lang"] == "en-US"
    assert all(image.has_attr("alt") for image in tags["img"])
    assert not tags["style"]
    check_references(tags)
    check_scripts(tags["script"])
    check_links(tags, app)


def check_references(tags):
    """Every field has a label, and what refers to a part of the page finds it."""
    ids = [tag["id"] for tag in chain(*tags.values()) if tag.has_attr("id")]
    known = set(ids)
    assert len(ids) == len(known), ids
    labeled = {label.get("for") for label in tags["label"]}
    for field in chain(tags["input"], tags["textarea"], tags["select"]):
        if field.get("type") != "hidden":
            assert field["id"] in labeled, field
            assert known.issuperset(field.get("aria-describedby", "").split()), field
    for link in tags["a"]:
        target = link.get("href", "")
        assert not target.startswith("#") or target == "#" or target[1:] in known, link


def check_scripts(scripts):
    for script in scripts:
        if script.get("type") == "application/ld+json":
            assert json.loads(script.get_text())["@context"] == "https://schema.org"
        else:
            assert script.has_attr("src"), script


def check_links(tags, app):
    """Every address of ours that the page names is one that the site has."""
    adapter = app.url_map.bind("127.0.0.1")
    for tag, name in (("a", "href"), ("link", "href"), ("script", "src"), ("form", "action")):
        for found in tags[tag]:
            address = urlsplit(found.get(name, ""))
            if address.scheme or not address.path:
                continue
            method = found.get("method", "get").upper()
            try:
                adapter.match(address.path, method=method)
            except RequestRedirect:
                pass
            except HTTPException as error:
                raise AssertionError(f"{found} leads to {error.code}") from error
