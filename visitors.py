"""The public pages: no session, no database, the same for everyone."""

from flask import Blueprint, Flask, Response, abort, render_template
from werkzeug.routing import UnicodeConverter

from content import library

bp = Blueprint("visitors", __name__)

# Any cache may keep a page for five minutes, and for a day while it fetches the next.
CACHE_CONTROL = "public, max-age=300, stale-while-revalidate=86400"


class SlugConverter(UnicodeConverter):
    """A name as our addresses have them: lower-case words joined by hyphens."""

    regex = "[a-z0-9]+(?:-[a-z0-9]+)*"
    part_isolating = True


@bp.after_request
def cacheable(response: Response) -> Response:
    if response.status_code == 200:
        response.headers["Cache-Control"] = CACHE_CONTROL
    return response


@bp.get("/")
def home() -> str:
    return render_template(
        "visitors/home.html",
        month=(month := library().current_month()),
        articles=library().articles_of(month=month.slug) or list(library().articles.values()),
    )


@bp.get("/articles/")
def articles() -> str:
    return render_template("visitors/articles.html", articles=library().articles.values())


@bp.get("/articles/<slug:slug>")
def article(slug: str) -> str:
    return render_template(
        "visitors/article.html", article=library().articles.get(slug) or abort(404)
    )


@bp.get("/categories/<slug:slug>")
def category(slug: str) -> str:
    return render_template(
        "visitors/category.html",
        category=library().categories.get(slug) or abort(404),
        articles=library().articles_of(category=slug),
    )


@bp.get("/awareness/<slug:slug>")
def month(slug: str) -> str:
    return render_template(
        "visitors/month.html",
        month=library().months.get(slug) or abort(404),
        articles=library().articles_of(month=slug),
    )


def page(slug: str) -> str:
    """Render a page of `content/pages/`, in a template of its own where it has one."""
    return render_template(
        [f"visitors/{slug}.html", "visitors/page.html"], page=library().pages[slug]
    )


@bp.get("/about")
def about() -> str:
    return page("about")


@bp.get("/privacy")
def privacy() -> str:
    return page("privacy")


@bp.get("/accessibility")
def accessibility() -> str:
    return page("accessibility")


def init_app(app: Flask) -> None:
    app.url_map.converters["slug"] = SlugConverter
    app.register_blueprint(bp)
