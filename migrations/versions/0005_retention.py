"""retention."""

import sqlalchemy as sa
from alembic import op

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade():
    with op.batch_alter_table('submissions') as batch_op:
        batch_op.add_column(sa.Column('erased_at', sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('erased_why', sa.String(length=20), nullable=True))
    where = sa.text('erased_at IS NULL')
    op.create_index('ix_submissions_kept', 'submissions', ['kind', 'place'], unique=False, sqlite_where=where, postgresql_where=where)


def downgrade():
    op.drop_index('ix_submissions_kept', table_name='submissions')
    with op.batch_alter_table('submissions') as batch_op:
        batch_op.drop_column('erased_why')
        batch_op.drop_column('erased_at')
