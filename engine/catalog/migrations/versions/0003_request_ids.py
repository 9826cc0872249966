"""The RequestId of the call that made a task, a rule or a configuration; what a callback is about."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ORDERS = ("tasks", "record_rules", "aliyun_record_configs")


def upgrade() -> None:
    """Forwards."""
    for table in _ORDERS:
        op.add_column(table, sa.Column("request_id", sa.Text(), nullable=False, server_default=""))
    op.add_column("callbacks", sa.Column("subject", sa.JSON(), nullable=False, server_default="{}"))


def downgrade() -> None:
    """Back."""
    op.drop_column("callbacks", "subject")
    for table in reversed(_ORDERS):
        op.drop_column(table, "request_id")
