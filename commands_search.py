"""The owner's command that makes sealed names findable again."""

import click
import sqlalchemy as sa
from flask.cli import AppGroup, with_appcontext

import models_search
from commands_database import need_tables
from models import Submission, db
from models_events import log
from vault import VaultError

BATCH = 500  # submissions that one transaction indexes

search = AppGroup(
    "search", callback=with_appcontext(need_tables), help="What submissions are found by."
)


@search.command("index")
def search_index() -> None:
    """Rebuild what every submission is found by.

    Needed after some updates, and when keys change.
    """
    count, skipped = index_all()
    log("search_indexed", detail=f"{count} submissions")
    db.session.commit()
    if skipped:
        raise click.ClickException(
            f"{skipped} do not open. Add their key to VAULT_KEYS, then do this again."
        )
    click.echo(f"ok: {count} submissions")


def index_all() -> tuple[int, int]:
    """Make all tokens anew, while others come in. Return how many there are, and do not open."""
    count, skipped = db.session.scalar(sa.select(sa.func.count(Submission.id))), 0
    with click.progressbar(length=count, label="Search") as bar:
        place = 0
        while batch := db.session.scalars(next_after(place)).all():
            old = models_search.Token.place.in_([submission.place for submission in batch])
            db.session.execute(sa.delete(models_search.Token).where(old))
            skipped += sum(not index(submission) for submission in batch)
            place = batch[-1].place
            db.session.commit()
            bar.update(len(batch))
    return count, skipped


def next_after(place: int) -> sa.Select[tuple[Submission]]:
    query = sa.select(Submission).where(Submission.place > place)
    return query.order_by(Submission.place).limit(BATCH).with_for_update()


def index(submission: Submission) -> bool:
    """Add the tokens of a submission; False when it does not open."""
    try:
        record = submission.record
    except VaultError:
        return False
    factors = (record.get("assessment") or {}).get("risk_factors", ())
    models_search.index(submission, submission.answers, factors)
    return True
