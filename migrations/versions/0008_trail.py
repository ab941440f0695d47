"""trail."""

import hashlib
import hmac
import json
import os
from datetime import UTC

import sqlalchemy as sa
from alembic import op
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from flask import current_app

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None

SQLITE = """
CREATE TRIGGER events_never_change BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'events are only ever added'); END;
CREATE TRIGGER events_never_go BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'events are only ever added'); END;
CREATE TRIGGER events_are_never_replaced BEFORE INSERT ON events
WHEN EXISTS (SELECT 1 FROM events WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'events are only ever added'); END;
CREATE TRIGGER trail_head_never_goes BEFORE DELETE ON trail_head
BEGIN SELECT RAISE(ABORT, 'the head of the trail stays'); END;
"""
POSTGRESQL = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'events are only ever added' USING ERRCODE = 'restrict_violation'; END $$;
CREATE TRIGGER events_never_change BEFORE UPDATE OR DELETE OR TRUNCATE ON events
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER trail_head_never_goes BEFORE DELETE OR TRUNCATE ON trail_head
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""


def stamp(key, *parts):
    """Written out here, since a migration must not change its meaning when the code does."""
    return hmac.digest(key, json.dumps(parts).encode(), 'sha256').hex()


def sealed(key):
    """The trail's key as `vault.py` seals it for its row."""
    current, nonce = current_app.config['VAULT_KEYS'][0], os.urandom(12)
    secret = AESGCM(current).encrypt(nonce, json.dumps(key.hex()).encode(), b'trail_head.key:1')
    return b'\x01' + hashlib.sha256(current).digest()[:4] + nonce + secret


def chain(connection, key):
    """Give the events that there are their hashes, in their order; return the last and its hash."""
    events = sa.table('events', *(sa.column(n) for n in ('id', 'name', 'user_id', 'submission_id', 'detail', 'hash')), sa.column('at', sa.DateTime(timezone=True)))
    names = (events.c.id, events.c.at, events.c.name, events.c.user_id, events.c.submission_id, events.c.detail)
    change = events.update().where(events.c.id == sa.bindparam('this')).values(hash=sa.bindparam('new'))
    last_id, last = 0, ''
    while rows := connection.execute(sa.select(*names).where(events.c.id > last_id).order_by(events.c.id).limit(1000)).all():
        changes = []
        for id, at, *rest in rows:
            at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
            last = stamp(key, 'event', last, id, at.isoformat(timespec='microseconds'), *rest)
            changes.append({'this': id, 'new': last})
        connection.execute(change, changes)
        last_id = rows[-1].id
    return last_id, last


def upgrade():
    op.create_table('trail_head',
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('last_id', sa.Integer(), nullable=False),
    sa.Column('hash', sa.String(length=64), nullable=False),
    sa.Column('seal', sa.String(length=64), nullable=False),
    sa.Column('key_sealed', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_trail_head'))
    )
    with op.batch_alter_table('events', schema=None) as batch_op:
        batch_op.add_column(sa.Column('hash', sa.String(length=64), nullable=True))
    connection, key = op.get_bind(), os.urandom(32)
    last_id, last = chain(connection, key)
    with op.batch_alter_table('events', schema=None) as batch_op:
        batch_op.alter_column('hash', existing_type=sa.String(length=64), nullable=False)
        batch_op.create_index(batch_op.f('ix_events_name'), ['name'], unique=False)
        batch_op.create_index(batch_op.f('ix_events_user_id'), ['user_id'], unique=False)
    head = sa.table('trail_head', *(sa.column(n) for n in ('id', 'last_id', 'hash', 'seal', 'key_sealed')))
    connection.execute(head.insert().values(id=1, last_id=last_id, hash=last, seal=stamp(key, 'head', last_id, last), key_sealed=sealed(key)))
    if connection.dialect.name == 'sqlite':
        for statement in SQLITE.split('\nCREATE')[1:]:
            op.execute('CREATE' + statement)
    else:
        op.execute(POSTGRESQL)


def downgrade():
    if op.get_bind().dialect.name == 'sqlite':
        for name in ('events_never_change', 'events_never_go', 'events_are_never_replaced', 'trail_head_never_goes'):
            op.execute(f'DROP TRIGGER {name}')
    else:
        op.execute('DROP TRIGGER events_never_change ON events')
        op.execute('DROP TRIGGER trail_head_never_goes ON trail_head')
        op.execute('DROP FUNCTION refuse_change()')
    with op.batch_alter_table('events', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_events_user_id'))
        batch_op.drop_index(batch_op.f('ix_events_name'))
        batch_op.drop_column('hash')

    op.drop_table('trail_head')
