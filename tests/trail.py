"""What only the owner of the database can do to the audit trail, and nobody should."""

from contextlib import contextmanager

import sqlalchemy as sa

from models_events import TrailHead, seal, stamp


@contextmanager
def unprotected(connection):
    """Take the triggers off the trail's tables until the block ends."""
    if connection.dialect.name == "postgresql":
        tables = ("events", "trail_head")
        for table in tables:
            connection.execute(sa.text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        yield
        for table in tables:
            connection.execute(sa.text(f"ALTER TABLE {table} ENABLE TRIGGER USER"))
        return
    query = sa.text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
    triggers = connection.execute(query).all()
    for trigger in triggers:
        connection.exec_driver_sql(f"DROP TRIGGER {trigger.name}")
    yield
    for trigger in triggers:
        connection.exec_driver_sql(trigger.sql)


def forget_the_last_event(connection):
    """Let the trail begin anew."""
    head = connection.execute(sa.select(TrailHead.id, TrailHead.key_sealed)).one()
    key = TrailHead(id=head.id, key_sealed=head.key_sealed).key
    new = stamp(key, seal(0, ""))
    connection.execute(sa.update(TrailHead).values(last_id=0, hash="", seal=new))
