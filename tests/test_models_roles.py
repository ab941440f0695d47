"""PostgreSQL with two users, as docs/operations.md has it: the site's own may change rows alone."""

import re

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege, RestrictViolation
from sqlalchemy.engine import make_url

from models import db
from models_events import log
from people import an_appointment, an_intake, letters, link_in, submissions
from serving import free_port, new_place, one_time_password
from settings import ROOT
from signing_in import begin

MAKE_ROLES, IN_DATABASE, TAKE_OVER = re.findall(
    r"(?:^    [A-Z]+ .*;\n)+", (ROOT / "docs" / "operations.md").read_text("utf-8"), re.MULTILINE
)

pytestmark = pytest.mark.drill

OTHERS = "in tables that its user cannot change"  # as the doctor says it


def run(address, text):
    with psycopg.connect(address, autocommit=True) as connection:
        for line in text.strip().splitlines():
            connection.execute(line)


def by(address, user="postgres", database="site"):
    """The same server for somebody else."""
    return make_url(address).set(username=user, database=database).render_as_string()


def forget(postgres):
    run(postgres, "DROP DATABASE site WITH (FORCE)\nDROP ROLE site\nDROP ROLE site_owner")


@pytest.fixture
def roles(postgres):
    """Both users and their database."""
    run(postgres, MAKE_ROLES)
    yield postgres
    forget(postgres)


@pytest.fixture
def place(roles, tmp_path_factory):
    """A site with tables that its owner has made."""
    run(by(roles), IN_DATABASE)
    found = new_place(tmp_path_factory, by(roles, "site"))
    done = found.flask("db", "upgrade", DATABASE_URL=by(roles, "site_owner"))
    assert done.returncode == 0, done.stderr
    return found


def work(person, act, **changes):
    page = person.visit("/staff/").soup.select_one("tbody th a")["href"]
    return person.visit(page).submit(f"form[action*='/{act}']", **changes)


def use(place, email="boss@example.org"):
    """Let two patients and an admin do what they do; return how much has come in."""
    with place.serve() as server, place.look():
        an_intake(server.person())
        patient, boss = server.person(), server.person()
        an_appointment(patient)
        assert patient.visit(link_in(letters("received")[-1])).status == 200
        begin(boss.visit("/staff/"), email, one_time_password(place, email, "--role", "admin"))
        assert "Contacted" in work(boss, "status", status="contacted").text
        assert "Called back." in work(boss, "notes", text="Called back.").text
        assert "Called back." not in boss.visit("/staff/activity").text
        assert boss.visit("/staff/export.csv").submit(reason="Numbers for a report").status == 200
        assert "FAIL" not in place.flask("doctor").stdout
        assert "incident" not in server.output
        return len(submissions())


def test_the_site_does_all_its_work_as_a_user_who_owns_no_table(place, roles, tmp_path):
    assert use(place) == 2
    file = str(tmp_path / "site.backup")
    for command in (["backup", file], ["purge"], ["audit", "verify"]):
        done = place.flask(*command)
        assert (done.returncode, done.stderr) == (0, ""), command
    refused = place.flask("restore", file, "--replace")
    assert (refused.returncode, len(refused.stderr.splitlines())) == (1, 1)
    owner = by(roles, "site_owner")
    done = place.flask("restore", file, "--replace", DATABASE_URL=owner)
    assert done.returncode == 0, done.stderr
    assert use(place, "other@example.org") == 4
    for command in ("rekey", "audit verify"):
        assert place.flask(*command.split()).returncode == 0, command


ATTEMPTS = {
    "UPDATE events SET detail = 'x'": RestrictViolation,
    "DELETE FROM events": RestrictViolation,
    "DELETE FROM trail_head": RestrictViolation,
    "TRUNCATE events CASCADE": InsufficientPrivilege,
    "DROP TABLE events": InsufficientPrivilege,
    "DROP SCHEMA public CASCADE": InsufficientPrivilege,
    "DROP TRIGGER events_never_change ON events": InsufficientPrivilege,
    "ALTER TABLE events DISABLE TRIGGER USER": InsufficientPrivilege,
    "DROP FUNCTION refuse_change CASCADE": InsufficientPrivilege,
    "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS ''": (
        InsufficientPrivilege
    ),
    "SET session_replication_role = replica": InsufficientPrivilege,
    "SET ROLE site_owner": InsufficientPrivilege,
    "CREATE TABLE mine (id int)": InsufficientPrivilege,
}


def test_what_protects_the_trail_is_not_the_sites_to_switch_off(place):
    with place.look():
        log("sys_startup")
        db.session.commit()
    for attempt, error in ATTEMPTS.items():
        with pytest.raises(error):
            run(place.database, attempt)
    assert place.flask("audit", "verify").stdout == "ok: 1 events\n"


def refusal(place):
    done = place.flask_alone("serve", PORT=str(free_port()))
    (line,) = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (1, "")
    return line


def test_who_may_not_bring_the_tables_up_to_date_is_told_who_can(place, roles):
    owner = by(roles, "site_owner")
    assert place.flask("db", "downgrade", DATABASE_URL=owner).returncode == 0
    assert "type as the user who owns the tables: .venv/bin/flask db upgrade" in refusal(place)
    assert place.flask("db", "downgrade", "base", DATABASE_URL=owner).returncode == 0
    run(owner, "DROP TABLE alembic_version")
    assert "(permission denied for schema public)" in refusal(place)


def test_a_site_that_had_one_user_can_have_two(postgres, tmp_path_factory):
    alone, owner, base = MAKE_ROLES.strip().splitlines()
    run(postgres, f"{alone}\n{base.replace('site_owner', 'site')}")
    try:
        place = new_place(tmp_path_factory, by(postgres, "site"))
        assert use(place) == 2
        assert OTHERS not in place.flask("doctor").stdout
        run(postgres, owner)
        run(by(postgres), TAKE_OVER + IN_DATABASE)
        assert use(place, "other@example.org") == 4
        with pytest.raises(InsufficientPrivilege):
            run(place.database, "ALTER TABLE events DISABLE TRIGGER USER")
        owner = {"DATABASE_URL": by(postgres, "site_owner")}
        assert place.flask("db", "downgrade", **owner).returncode == 0
        assert place.flask("db", "upgrade", **owner).returncode == 0
        assert OTHERS in place.flask("doctor").stdout
    finally:
        forget(postgres)
