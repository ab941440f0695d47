"""The public pages: no session, the same for everyone, and no database but for `/readyz`."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Blueprint, Flask, Response, abort, current_app, render_template, request, url_for
from werkzeug.routing import UnicodeConverter

import visitors_data
import visitors_ready
from content import PAGES, Article, Library, Page, library
from content_search import MAX_QUERY, Document, Index

bp = Blueprint("visitors", __name__)

# Any cache may keep a page for five minutes, and for a day while it fetches the next.
CACHE_CONTROL = "public, max-age=300, stale-while-revalidate=86400"

# What programs read: endpoint, address, type. Each has a template named as the address ends.
FILES = (
    ("feed", "/feed.xml", "application/atom+xml"),
    ("sitemap", "/sitemap.xml", "application/xml"),
    ("robots", "/robots.txt", "text/plain"),
    ("security", "/.well-known/security.txt", "text/plain"),
    ("manifest", "/site.webmanifest", "application/manifest+json"),
)
HITS = 10  # pages that a search shows
URGENT = 2  # how much more the pages about danger weigh in it

Trail = Sequence[tuple[str, str]]


class SlugConverter(UnicodeConverter):
    """A name as our addresses have them: lower-case words joined by hyphens."""

    regex = "[a-z0-9]+(?:-[a-z0-9]+)*"
    part_isolating = True


@bp.after_request
def cacheable(response: Response) -> Response:
    if response.status_code == 200 and request.method in {"GET", "HEAD"}:
        response.headers.setdefault("Cache-Control", CACHE_CONTROL)
    return response


def show(
    *templates: str, trail: Trail = (), data: Sequence[Mapping[str, Any]] = (), **values: Any
) -> str:
    """Render a page with the first of `templates` that there is.

    `trail` leads to it from home, `data` tells search engines what it is.
    """
    if trail:
        data = [*data, visitors_data.breadcrumbs(trail)]
    names = [f"visitors/{template}.html" for template in templates]
    return render_template(names, trail=trail, data=data, **values)


def articles_trail() -> Trail:
    return (("Articles", url_for(".articles")),)


@bp.get("/")
def home() -> str:
    return show("home", month=library().current_month(), data=[visitors_data.clinic()])


@bp.get("/articles/")
def articles() -> str:
    return show("articles")


@bp.get("/articles/<slug:slug>")
def article(slug: str) -> str:
    found = library().articles.get(slug) or abort(404)
    category = (found.category.name, url_for(".category", slug=found.category.slug))
    return show(
        "article",
        article=found,
        related=library().related(found),
        trail=(*articles_trail(), category),
        data=[visitors_data.medical_page(found)],
    )


@bp.get("/categories/<slug:slug>")
def category(slug: str) -> str:
    found = library().categories.get(slug) or abort(404)
    found_articles = library().articles_of(category=slug)
    return show("category", category=found, articles=found_articles, trail=articles_trail())


@bp.get("/awareness/")
def calendar() -> str:
    return show("calendar")


@bp.get("/awareness/<slug:slug>")
def month(slug: str) -> str:
    found = library().months.get(slug) or abort(404)
    return show(
        "month",
        month=found,
        articles=library().articles_of(month=slug),
        trail=(("Calendar", url_for(".calendar")),),
        data=[visitors_data.medical_page(found)],
    )


@bp.get("/search")
def search() -> str:
    query = " ".join(request.args.get("q", "").split())
    hits = current_app.extensions["search"].search(query, limit=HITS)
    cut = len(query) > MAX_QUERY
    return show("search", query=query[:MAX_QUERY], cut=cut, hits=hits, limit=HITS)


def page(slug: str) -> str:
    return show(slug, "page", page=library().pages[slug])


def file(name: str, mimetype: str) -> Response:
    return Response(render_template(f"visitors/{name}"), mimetype=mimetype)


def add_tables() -> None:
    """Give every page of its own and every file its address."""
    for slug in PAGES:
        bp.add_url_rule(f"/{slug}", slug, page, defaults={"slug": slug})
    for endpoint, address, mimetype in FILES:
        values = {"name": address.rpartition("/")[2], "mimetype": mimetype}
        bp.add_url_rule(address, endpoint, file, defaults=values)


add_tables()


@bp.get("/favicon.ico")
def favicon() -> Response:
    response = current_app.send_static_file("favicon.ico")
    response.headers["Cache-Control"] = CACHE_CONTROL
    return response


@bp.get("/healthz")
def healthz() -> Response:
    """Tell a supervisor that this process answers; it asks nothing of the database."""
    return Response("ok\n", mimetype="text/plain", headers={"Cache-Control": "no-store"})


@bp.get("/readyz")
def readyz() -> Response:
    """Tell a balancer whether this process and its database can take a request in."""
    ready, lines = visitors_ready.look()
    text, headers = "\n".join([*lines, ""]), {"Cache-Control": "no-store"}
    return Response(text, 200 if ready else 503, headers, mimetype="text/plain")


def index(pages: Library) -> Index:
    """Return what the search looks through. Runs inside a request context, for the addresses."""

    def document(
        kind: str, endpoint: str, page: Page, weight: float = 1, **values: str
    ) -> Document:
        headings = tuple(words for _anchor, words in page.headings)
        address = url_for(f"visitors.{endpoint}", **values)
        text = page.text.replace("\n", " · ")  # so that a snippet shows where a line ends
        return Document(address, kind, page.title, page.summary, headings, text, weight)

    def article(found: Article) -> Document:
        weight = URGENT if found.category.slug == "emergency" else 1
        return document("Article", "article", found, weight, slug=found.slug)

    return Index(
        [
            *map(article, pages.articles.values()),
            *(document("Awareness month", "month", m, slug=m.slug) for m in pages.months.values()),
            *(document("Page", slug, page) for slug, page in pages.pages.items()),
        ]
    )


def init_app(app: Flask) -> None:
    app.url_map.converters["slug"] = SlugConverter
    app.register_blueprint(bp)
    app.jinja_env.filters["absolute"] = visitors_data.absolute
    with app.test_request_context():
        app.extensions["search"] = index(library())
