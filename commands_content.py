"""The words of the site, checked."""

import click
from flask import current_app
from flask.cli import AppGroup

import content_check
from content import library

content = AppGroup("content", help="The words of the site.")


@content.command("check")
def content_check_command() -> None:
    """Check all words of the site, and show which are hardest to read."""
    pages = library()
    click.echo("grade  words  hardest first")
    for grade, words, slug in content_check.grades(pages):
        note = "  harder than 6th grade" if grade >= 7 else ""
        click.echo(f"{grade:5.1f}  {words:5}  {slug}{note}")
    if found := faults():
        raise click.ClickException("\n".join([f"{len(found)} to fix:", *found]))
    counts = (len(pages.articles), len(pages.months), len(pages.pages), len(pages.red_flags))
    click.echo("ok: {} articles, {} months, {} pages, {} red flags".format(*counts))


def faults() -> list[str]:
    """What is to be fixed in the content, one line each."""
    browser = current_app.test_client()

    def fetch(address: str) -> str | None:
        answer = browser.get(address, base_url=current_app.config["SITE_URL"])
        return answer.text if answer.status_code in {200, 303} else None

    return content_check.check(library(), library().practice.today(), fetch)
