"""That an owner took an order back from the house is kept apart from its state."""

import sqlalchemy as sa
from alembic import op

from ringside.store.book import WITHDRAWN

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("withdrawn", sa.Boolean(), nullable=False, server_default=sa.false())
        )
    orders = sa.table("orders", sa.column("withdrawn"), sa.column("reason"))
    op.execute(orders.update().where(orders.c.reason == WITHDRAWN).values(withdrawn=True))


def downgrade() -> None:
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.drop_column("withdrawn")
