"""letters and intake."""

import sqlalchemy as sa
from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade():
    op.create_table('flag_counts',
    sa.Column('month', sa.String(length=7), nullable=False),
    sa.Column('flag', sa.String(length=100), nullable=False),
    sa.Column('shown', sa.Integer(), nullable=False),
    sa.Column('went_on', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('month', 'flag', name=op.f('pk_flag_counts'))
    )
    op.create_table('letters',
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('name', sa.String(length=20), nullable=False),
    sa.Column('submission_id', sa.String(length=32), nullable=True),
    sa.Column('edition', sa.Integer(), nullable=False),
    sa.Column('state', sa.Enum('waiting', 'sent', 'failed', name='state', native_enum=False, create_constraint=True, length=20), nullable=False),
    sa.Column('made_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('sent_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('problem', sa.String(length=100), nullable=False),
    sa.Column('contents_sealed', sa.LargeBinary(), nullable=False),
    sa.ForeignKeyConstraint(['submission_id'], ['submissions.id'], name=op.f('fk_letters_submission_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_letters')),
    sa.UniqueConstraint('submission_id', 'name', 'edition', name=op.f('uq_letters_submission_id_name_edition'))
    )
    with op.batch_alter_table('letters', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_letters_state_due_at'), ['state', 'due_at'], unique=False)

    with op.batch_alter_table('drafts', schema=None) as batch_op:
        batch_op.add_column(sa.Column('started_at', sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('tries', sa.Integer(), server_default='0', nullable=False))

    with op.batch_alter_table('submissions', schema=None) as batch_op:
        batch_op.add_column(sa.Column('follows', sa.String(length=32), nullable=True))
        batch_op.add_column(sa.Column('scheduled_for', sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('schedule_changes', sa.Integer(), server_default='0', nullable=False))
        batch_op.add_column(sa.Column('spam_reason', sa.String(length=40), nullable=True))
        batch_op.add_column(sa.Column('tries', sa.Integer(), server_default='0', nullable=False))
        batch_op.create_index(batch_op.f('ix_submissions_follows'), ['follows'], unique=False)
        batch_op.create_foreign_key(batch_op.f('fk_submissions_follows'), 'submissions', ['follows'], ['id'])



def downgrade():
    with op.batch_alter_table('submissions', schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f('fk_submissions_follows'), type_='foreignkey')
        batch_op.drop_index(batch_op.f('ix_submissions_follows'))
        batch_op.drop_column('tries')
        batch_op.drop_column('spam_reason')
        batch_op.drop_column('schedule_changes')
        batch_op.drop_column('scheduled_for')
        batch_op.drop_column('follows')

    with op.batch_alter_table('drafts', schema=None) as batch_op:
        batch_op.drop_column('tries')
        batch_op.drop_column('started_at')

    with op.batch_alter_table('letters', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_letters_state_due_at'))

    op.drop_table('letters')
    op.drop_table('flag_counts')
