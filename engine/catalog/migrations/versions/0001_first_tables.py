"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _moment() -> sa.DateTime:
    return sa.DateTime(timezone=True)


def _id() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Forwards."""
    op.create_table(
        "aliyun_notify_configs",
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("notify_url", sa.Text(), nullable=False),
        sa.Column("on_demand_url", sa.Text(), nullable=False),
        sa.Column("need_status", sa.Boolean(), nullable=False),
        sa.Column("needs_auth", sa.Boolean(), nullable=False),
        sa.Column("auth_key", sa.Text(), nullable=False),
        sa.Column("created_at", _moment(), nullable=False),
        sa.Column("updated_at", _moment(), nullable=False),
        sa.PrimaryKeyConstraint("domain"),
    )
    op.create_table(
        "aliyun_record_configs",
        sa.Column("id", _id(), autoincrement=True, nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("oss_endpoint", sa.Text(), nullable=False),
        sa.Column("oss_bucket", sa.Text(), nullable=False),
        sa.Column("on_demand", sa.Integer(), nullable=False),
        sa.Column("delay_s", sa.Integer(), nullable=False),
        sa.Column("start_at", _moment(), nullable=True),
        sa.Column("end_at", _moment(), nullable=True),
        sa.Column("formats", sa.JSON(), nullable=False),
        sa.Column("transcode_templates", sa.JSON(), nullable=False),
        sa.Column("transcode_formats", sa.JSON(), nullable=False),
        sa.Column("created_at", _moment(), nullable=False),
        sa.Column("updated_at", _moment(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("domain", "app", "stream"),
    )
    op.create_table(
        "callback_templates",
        sa.Column("id", _id(), autoincrement=True, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("urls", sa.JSON(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("exception_levels", sa.JSON(), nullable=False),
        sa.Column("created_at", _moment(), nullable=False),
        sa.Column("updated_at", _moment(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "callbacks",
        sa.Column("id", _id(), autoincrement=True, nullable=False),
        sa.Column("once", sa.Text(), nullable=False),
        sa.Column("vendor", sa.String(length=16), nullable=False),
        sa.Column("event", sa.String(length=32), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("message", sa.JSON(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", _moment(), nullable=False),
        sa.Column("created_at", _moment(), nullable=False),
        sa.Column("delivered_at", _moment(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("once"),
    )
    op.create_index(
        "callbacks_by_stream", "callbacks", ["domain", "app", "stream", "created_at"], unique=False
    )
    op.create_index("callbacks_by_creation", "callbacks", ["created_at"], unique=False)
    op.create_index("callbacks_due", "callbacks", ["state", "next_at"], unique=False)
    op.create_table(
        "pushes",
        sa.Column("id", _id(), autoincrement=True, nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("began_at", _moment(), nullable=False),
        sa.Column("ended_at", _moment(), nullable=True),
        sa.Column("end_code", sa.Integer(), nullable=False),
        sa.Column("params", sa.Text(), nullable=False),
        sa.Column("client_ip", sa.Text(), nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("pushes_by_stream", "pushes", ["domain", "app", "stream", "began_at"], unique=False)
    op.create_index("pushes_open", "pushes", ["ended_at"], unique=False)
    op.create_table(
        "record_templates",
        sa.Column("id", _id(), autoincrement=True, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("formats", sa.JSON(), nullable=False),
        sa.Column("is_delay_live", sa.Boolean(), nullable=False),
        sa.Column("splice_s", sa.Integer(), nullable=False),
        sa.Column("upload_in_recording", sa.Boolean(), nullable=False),
        sa.Column("remove_watermark", sa.Boolean(), nullable=False),
        sa.Column("cos_store", sa.Boolean(), nullable=False),
        sa.Column("created_at", _moment(), nullable=False),
        sa.Column("updated_at", _moment(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "tasks",
        sa.Column("id", _id(), autoincrement=True, nullable=False),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("family", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("start_at", _moment(), nullable=False),
        sa.Column("end_at", _moment(), nullable=True),
        sa.Column("is_real_time", sa.Boolean(), nullable=False),
        sa.Column("is_mixed", sa.Boolean(), nullable=False),
        sa.Column("template_id", sa.BigInteger(), nullable=True),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("created_at", _moment(), nullable=False),
        sa.Column("stopped_at", _moment(), nullable=True),
        sa.Column("deleted_at", _moment(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("public_id"),
    )
    op.create_index("tasks_by_day", "tasks", ["family", "created_at"], unique=False)
    op.create_index("tasks_by_state", "tasks", ["state", "start_at"], unique=False)
    op.create_index("tasks_by_window", "tasks", ["family", "start_at"], unique=False)
    op.create_index("tasks_by_stream", "tasks", ["domain", "app", "stream"], unique=False)
    op.create_table(
        "callback_attempts",
        sa.Column("id", _id(), autoincrement=True, nullable=False),
        sa.Column("callback_id", _id(), nullable=False),
        sa.Column("at", _moment(), nullable=False),
        sa.Column("took_ms", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("headers", sa.JSON(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["callback_id"],
            ["callbacks.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        op.f("ix_callback_attempts_callback_id"), "callback_attempts", ["callback_id"], unique=False
    )
    op.create_table(
        "callback_rules",
        sa.Column("id", _id(), autoincrement=True, nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("template_id", _id(), nullable=False),
        sa.Column("created_at", _moment(), nullable=False),
        sa.Column("updated_at", _moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["template_id"],
            ["callback_templates.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("domain", "app"),
    )
    op.create_table(
        "record_rules",
        sa.Column("id", _id(), autoincrement=True, nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("template_id", _id(), nullable=False),
        sa.Column("created_at", _moment(), nullable=False),
        sa.Column("updated_at", _moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["template_id"],
            ["record_templates.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("domain", "app", "stream"),
    )
    op.create_table(
        "recordings",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("session_id", sa.String(length=32), nullable=False),
        sa.Column("cause", sa.String(length=16), nullable=False),
        sa.Column("task_id", _id(), nullable=True),
        sa.Column("template_id", sa.BigInteger(), nullable=True),
        sa.Column("config_id", sa.BigInteger(), nullable=True),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("is_mixed", sa.Boolean(), nullable=False),
        sa.Column("push_id", _id(), nullable=True),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("began_at", _moment(), nullable=False),
        sa.Column("ended_at", _moment(), nullable=True),
        sa.ForeignKeyConstraint(
            ["push_id"],
            ["pushes.id"],
        ),
        sa.ForeignKeyConstraint(
            ["task_id"],
            ["tasks.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "recordings_by_stream", "recordings", ["domain", "app", "stream", "began_at"], unique=False
    )
    op.create_index("recordings_by_session", "recordings", ["session_id"], unique=False)
    op.create_index("recordings_by_task", "recordings", ["task_id"], unique=False)
    op.create_index("recordings_by_push", "recordings", ["push_id"], unique=False)
    op.create_index("recordings_open", "recordings", ["ended_at"], unique=False)
    op.create_table(
        "files",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("recording_id", sa.String(length=64), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("format", sa.String(length=8), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("duration_ms", sa.BigInteger(), nullable=False),
        sa.Column("first_dts_ms", sa.BigInteger(), nullable=False),
        sa.Column("tracks", sa.JSON(), nullable=False),
        sa.Column("started_at", _moment(), nullable=False),
        sa.Column("ended_at", _moment(), nullable=False),
        sa.Column("created_at", _moment(), nullable=False),
        sa.Column("expires_at", _moment(), nullable=True),
        sa.Column("is_recovered", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["recording_id"],
            ["recordings.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("path"),
    )
    op.create_index("files_by_name", "files", ["stream", "created_at"], unique=False)
    op.create_index("files_by_recording", "files", ["recording_id"], unique=False)
    op.create_index("files_by_creation", "files", ["created_at"], unique=False)
    op.create_index("files_by_expiry", "files", ["expires_at"], unique=False)
    op.create_index("files_by_stream", "files", ["domain", "app", "stream", "started_at"], unique=False)


def downgrade() -> None:
    """Backwards."""
    op.drop_index("files_by_stream", table_name="files")
    op.drop_index("files_by_expiry", table_name="files")
    op.drop_index("files_by_recording", table_name="files")
    op.drop_index("files_by_name", table_name="files")
    op.drop_index("files_by_creation", table_name="files")
    op.drop_table("files")
    op.drop_index("recordings_by_push", table_name="recordings")
    op.drop_index("recordings_by_task", table_name="recordings")
    op.drop_index("recordings_by_session", table_name="recordings")
    op.drop_index("recordings_open", table_name="recordings")
    op.drop_index("recordings_by_stream", table_name="recordings")
    op.drop_table("recordings")
    op.drop_table("record_rules")
    op.drop_table("callback_rules")
    op.drop_index(op.f("ix_callback_attempts_callback_id"), table_name="callback_attempts")
    op.drop_table("callback_attempts")
    op.drop_index("tasks_by_window", table_name="tasks")
    op.drop_index("tasks_by_stream", table_name="tasks")
    op.drop_index("tasks_by_state", table_name="tasks")
    op.drop_index("tasks_by_day", table_name="tasks")
    op.drop_table("tasks")
    op.drop_table("record_templates")
    op.drop_index("pushes_open", table_name="pushes")
    op.drop_index("pushes_by_stream", table_name="pushes")
    op.drop_table("pushes")
    op.drop_index("callbacks_by_creation", table_name="callbacks")
    op.drop_index("callbacks_due", table_name="callbacks")
    op.drop_index("callbacks_by_stream", table_name="callbacks")
    op.drop_table("callbacks")
    op.drop_table("callback_templates")
    op.drop_table("aliyun_record_configs")
    op.drop_table("aliyun_notify_configs")
