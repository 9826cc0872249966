"""Rules of /v1, and files that are being deleted or were removed by hand."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forwards."""
    op.add_column("record_templates", sa.Column("settings", sa.JSON(), nullable=True))
    op.add_column("files", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("files", sa.Column("missing_since", sa.DateTime(timezone=True), nullable=True))
    op.create_index("files_by_deletion", "files", ["deleted_at"])
    op.create_index("files_by_absence", "files", ["missing_since"])


def downgrade() -> None:
    """Back."""
    op.drop_index("files_by_absence", table_name="files")
    op.drop_index("files_by_deletion", table_name="files")
    op.drop_column("files", "missing_since")
    op.drop_column("files", "deleted_at")
    op.drop_column("record_templates", "settings")
