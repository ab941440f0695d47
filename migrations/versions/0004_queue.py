"""queue."""

import secrets
from datetime import UTC

import sqlalchemy as sa
from alembic import op

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None

VIEWS = {'new': 'todo', 'contacted': 'todo', 'scheduled': 'scheduled', 'closed': 'closed', 'cancelled': 'closed', 'spam': 'spam'}
RANKS = {'emergency': 0, 'today': 1, 'soon': 2, 'routine': 3}
INDEXES = (
    ('view', 'rank', 'place'),
    ('view', 'place'),
    ('view', 'scheduled_for', 'place'),
    ('urgency', 'place'),
    ('assigned_to', 'place'),
    ('source_article', 'place'),
)


def upgrade():
    with op.batch_alter_table('submissions') as batch_op:
        batch_op.add_column(sa.Column('place', sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column('view', sa.String(length=20), nullable=True))
        batch_op.add_column(sa.Column('rank', sa.SmallInteger(), nullable=True))
        batch_op.add_column(sa.Column('assigned_to', sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column('hold', sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.add_column(sa.Column('version', sa.Integer(), server_default='1', nullable=False))
        batch_op.add_column(sa.Column('changed_at', sa.DateTime(timezone=True), nullable=True))
        batch_op.create_foreign_key(batch_op.f('fk_submissions_assigned_to'), 'users', ['assigned_to'], ['id'])
        batch_op.drop_index(batch_op.f('ix_submissions_received_at_id'))
    give_places()
    with op.batch_alter_table('submissions') as batch_op:
        batch_op.alter_column('place', existing_type=sa.BigInteger(), nullable=False)
        batch_op.alter_column('view', existing_type=sa.String(length=20), nullable=False)
        batch_op.alter_column('rank', existing_type=sa.SmallInteger(), nullable=False)
        batch_op.create_unique_constraint(batch_op.f('uq_submissions_place'), ['place'])
        for columns in INDEXES:
            batch_op.create_index(batch_op.f(f"ix_submissions_{'_'.join(columns)}"), list(columns), unique=False)
    op.create_table('tokens',
    sa.Column('mark', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('place', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.ForeignKeyConstraint(['place'], ['submissions.place'], name=op.f('fk_tokens_place')),
    sa.PrimaryKeyConstraint('mark', 'place', name=op.f('pk_tokens')),
    sqlite_with_rowid=False,
    )
    op.create_index(op.f('ix_tokens_place'), 'tokens', ['place'], unique=False)
    op.create_table('notes',
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('submission_id', sa.String(length=32), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('text_sealed', sa.LargeBinary(), nullable=False),
    sa.ForeignKeyConstraint(['submission_id'], ['submissions.id'], name=op.f('fk_notes_submission_id')),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_notes_user_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_notes'))
    )
    with op.batch_alter_table('notes', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_notes_submission_id'), ['submission_id'], unique=False)


def give_places():
    """In the order in which they came in. Names are found again after `flask search index`."""
    moment = sa.column('received_at', sa.DateTime(timezone=True))
    columns = [sa.column(name) for name in ('id', 'place', 'status', 'urgency', 'view', 'rank')]
    submissions = sa.table('submissions', moment, *columns)
    connection = op.get_bind()
    for row in connection.execute(sa.select(submissions)).all():
        at = row.received_at if row.received_at.tzinfo else row.received_at.replace(tzinfo=UTC)  # SQLite's are naive
        place = (int(at.timestamp() * 1000) << 22) + secrets.randbits(22)
        connection.execute(sa.update(submissions).where(submissions.c.id == row.id).values(
            place=place, view=VIEWS[row.status], rank=RANKS[row.urgency]))


def downgrade():
    op.drop_table('notes')
    op.drop_table('tokens')
    with op.batch_alter_table('submissions') as batch_op:
        for columns in INDEXES:
            batch_op.drop_index(batch_op.f(f"ix_submissions_{'_'.join(columns)}"))
        batch_op.drop_constraint(batch_op.f('uq_submissions_place'), type_='unique')
        batch_op.drop_constraint(batch_op.f('fk_submissions_assigned_to'), type_='foreignkey')
        for name in ('place', 'view', 'rank', 'assigned_to', 'hold', 'version', 'changed_at'):
            batch_op.drop_column(name)
        batch_op.create_index(batch_op.f('ix_submissions_received_at_id'), ['received_at', 'id'], unique=False)
