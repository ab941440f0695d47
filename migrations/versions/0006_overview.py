"""overview."""

from datetime import date, timedelta

import sqlalchemy as sa
from alembic import op

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None

FLAGS = sa.table('flag_counts', *map(sa.column, ('month', 'flag', 'shown', 'went_on')))
WEEKS = sa.table('weekly_counts', sa.column('what'), sa.column('week', sa.Date()), sa.column('name'), sa.column('number'))
NAMES = {'flag shown': 'shown', 'flag passed': 'went_on'}


def upgrade():
    """Begin to count. What came in before stays uncounted: it is sealed, and the key is not here."""
    op.create_table('weekly_counts',
    sa.Column('what', sa.String(length=20), nullable=False),
    sa.Column('week', sa.Date(), nullable=False),
    sa.Column('name', sa.String(length=100), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('what', 'week', 'name', name=op.f('pk_weekly_counts'))
    )
    rows = op.get_bind().execute(sa.select(FLAGS)).mappings().all()
    op.bulk_insert(WEEKS, [
        {'what': what, 'week': first_monday(row['month']), 'name': row['flag'], 'number': row[column]}
        for row in rows for what, column in NAMES.items() if row[column]
    ])
    op.drop_table('flag_counts')
    with op.batch_alter_table('submissions', schema=None) as batch_op:
        batch_op.add_column(sa.Column('contacted_at', sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('counted', sa.Boolean(), server_default=sa.false(), nullable=False))


def first_monday(month):
    """Only the month is known; its first whole week leads back to it."""
    first = date.fromisoformat(f'{month}-01')
    return first + timedelta(days=-first.weekday() % 7)


def downgrade():
    with op.batch_alter_table('submissions', schema=None) as batch_op:
        batch_op.drop_column('counted')
        batch_op.drop_column('contacted_at')
    op.create_table('flag_counts',
    sa.Column('month', sa.String(length=7), nullable=False),
    sa.Column('flag', sa.String(length=100), nullable=False),
    sa.Column('shown', sa.Integer(), nullable=False),
    sa.Column('went_on', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('month', 'flag', name=op.f('pk_flag_counts'))
    )
    rows = op.get_bind().execute(sa.select(WEEKS).where(WEEKS.c.what.in_(NAMES))).all()
    found = {}
    for what, week, flag, number in rows:
        counts = found.setdefault((f'{week:%Y-%m}', flag), {'shown': 0, 'went_on': 0})
        counts[NAMES[what]] += number
    op.bulk_insert(FLAGS, [{'month': month, 'flag': flag, **counts} for (month, flag), counts in found.items()])
    op.drop_table('weekly_counts')
