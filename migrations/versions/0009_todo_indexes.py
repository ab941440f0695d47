"""indexes of what is to do."""

import sqlalchemy as sa
from alembic import op

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None

INDEXES = (
    ('rank', 'reply_due_at', 'place'),
    ('assigned_to', 'rank', 'place'),
    ('source_article', 'rank', 'place'),
)


def upgrade():
    todo = sa.text("view = 'todo'")
    for columns in INDEXES:
        op.create_index(name(columns), 'submissions', list(columns), sqlite_where=todo, postgresql_where=todo)


def downgrade():
    for columns in INDEXES:
        op.drop_index(name(columns), table_name='submissions')


def name(columns):
    return op.f(f"ix_submissions_{'_'.join(columns)}")
