"""Whoever steals the database, its journal and its backups, but no key, learns of no patient."""

from contextvars import Context

import models_backup
from keeping import SAID
from models import db
from people import an_appointment, an_intake, intake_to, submissions

NOTE = "Her daughter drives her on Mondays"
TOLD = (*SAID, "O'Brien", "1975-03-31", "March 31, 1975", "5550187", NOTE, "daughter")


def stolen(app, tmp_path):
    """Everything there is to steal: a dump, a backup, and the files as they are."""
    found = [tmp_path / "dump", tmp_path / "backup"]
    models_backup.take(db.engine, found[0])
    done = Context().run(app.test_cli_runner().invoke, args=["backup", str(found[1])])
    assert done.exit_code == 0, done.output
    return [*found, *app.config["INSTANCE_PATH"].glob("site.db*")]


def test_a_thief_without_the_key_reads_no_word_of_a_patient(app, bob, eve, ada, tmp_path):
    an_appointment(bob)
    an_intake(bob)
    intake_to(eve, "health")  # an intake that is not sent yet
    sent = f"/staff/submissions/{submissions()[0].reference}"
    ada.visit(sent).submit("form[action*=notes]", text=NOTE)
    ada.visit("/staff/").submit("form[action*=search]", q="O'Brien")
    files = stolen(app, tmp_path)
    assert all(path.stat().st_size for path in files[:3])
    for path in files:
        data = path.read_bytes()
        for word in TOLD:
            assert word.encode() not in data, (path.name, word)
            assert word.encode().hex().encode() not in data, (path.name, word)


def test_words_that_are_not_sealed_would_be_found(app, ada, submission, tmp_path):
    """So the test above can fail: what staff are called is not sealed, and there to be found."""
    dump, _backup, *files = stolen(app, tmp_path)
    assert b"ada@example.org" in dump.read_bytes()
    assert not files or any(b"ada@example.org" in path.read_bytes() for path in files)
