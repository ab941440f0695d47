"""The bench says what it needs; its numbers are for docs/performance.md, not for a test."""

from contextvars import Context

import pytest
import sqlalchemy as sa

from bench import journeys, overview, pages, servers
from models import Submission, db
from models_engine import sqlite


@pytest.mark.parametrize(
    ("there", "words"),
    [
        ({"nginx"}, "This needs wrk. On Debian and Ubuntu, type: sudo apt install wrk"),
        (set(), "This needs wrk and nginx. On Debian and Ubuntu, type: sudo apt install wrk nginx"),
    ],
)
def test_the_bench_says_what_is_missing(monkeypatch, there, words):
    monkeypatch.setattr("sys.argv", ["bench.pages"])
    monkeypatch.setattr("shutil.which", lambda name: name if name in there else None)
    with pytest.raises(SystemExit) as ended:
        pages.main()
    assert str(ended.value) == words


def test_a_copied_site_has_as_many_articles_as_were_asked_for(tmp_path):
    tree = servers.copy_site(tmp_path / "site", articles=3, memory=False)
    assert len(list((tree / "content" / "articles").glob("*.md"))) == 3
    assert "pagecache" not in (tree / "app.py").read_text().partition("PARTS")[2]
    assert not (tree / "instance").exists()


def test_the_overview_is_timed_on_as_many_submissions_as_were_asked_for(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["bench.overview", "3", "5"])
    monkeypatch.setattr(overview, "times", lambda app: [counted(app) / 1000])
    Context().run(overview.main)  # with no app of the tests around it
    rows = capsys.readouterr().out.splitlines()[-2:]
    assert rows == ["| 3 | 3.00 | 1.00 |", "| 5 | 5.00 | 1.67 |"]


def counted(app):
    """How many submissions there are."""
    requests = sa.select(sa.func.count(Submission.id))
    with app.app_context():
        found = db.session.scalar(requests)
        db.session.remove()
        db.engine.dispose()
    return found


def test_the_patients_of_the_bench_go_the_whole_way(tmp_path):
    tree = servers.copy_site(tmp_path / "site")
    with servers.site(tree, **journeys.SETTINGS) as address:
        rates = journeys.measure(address, tree, rounds=1, patients=3)
    assert all(rate > 0 for column in rates for rate in column)
    database = sqlite.connect(tree / "instance" / "site.db")
    query = "SELECT status, spam_reason, count(*) FROM submissions GROUP BY 1, 2"
    assert database.execute(query).fetchall() == [("new", None, 6)]
    assert database.execute("SELECT count(*) FROM letters").fetchone() == (12,)
    database.close()
