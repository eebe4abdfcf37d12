"""first tables

Revision 0001, after nothing.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

FAILED_ATTEMPT = "kind = 'attempt' AND error_category IS NOT NULL"
SENT_UPLOAD = "sent_bytes IS NOT NULL"

PAUSED = "state = 'waiting' AND error_code = 'platform_paused'"
UNAVAILABLE = (
    "state IN ('waiting', 'active') AND NOT is_leased AND error_code = 'platform_unavailable'"
)
COMPLETED = "state = 'completed'"
UNSUCCESSFUL = "state IN ('failed', 'cancelled')"
AMBIGUOUS = "state = 'failed' AND error_category = 'ambiguous'"


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("user_id", sa.String(length=128), nullable=False),
        sa.Column("platform", sa.String(length=16), nullable=False),
        sa.Column("platform_user_id", sa.String(length=255), nullable=False),
        sa.Column("username", sa.String(length=255), nullable=False),
        sa.Column(
            "login_type",
            sa.Enum("", "facebook", "instagram", name="logintype", native_enum=False, length=24),
            nullable=False,
        ),
        sa.Column(
            "scopes", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column("access_token", sa.Text(), nullable=True),
        sa.Column("refresh_token", sa.Text(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "active", "reconnect_required", name="accountstate", native_enum=False, length=24
            ),
            nullable=False,
        ),
        sa.Column("state_reason", sa.String(length=500), nullable=False),
        sa.Column("renew_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refreshing_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("video_max_seconds", sa.Integer(), nullable=True),
        sa.Column("video_max_told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint(
            "user_id",
            "platform",
            "platform_user_id",
            name=op.f("uq_accounts_user_id_platform_platform_user_id"),
        ),
    )
    with op.batch_alter_table("accounts", schema=None) as batch_op:
        batch_op.create_index(
            "ix_accounts_to_reconnect",
            ["id"],
            unique=False,
            postgresql_where=sa.text("state = 'reconnect_required' AND deleted_at IS NULL"),
            sqlite_where=sa.text("state = 'reconnect_required' AND deleted_at IS NULL"),
        )
        batch_op.create_index("ix_accounts_username", ["username"], unique=False)
        batch_op.create_index(
            "ix_accounts_renewable",
            ["renew_at"],
            unique=False,
            postgresql_where=sa.text("login_type = 'instagram' AND state = 'active' AND deleted_at IS NULL"),
            sqlite_where=sa.text("login_type = 'instagram' AND state = 'active' AND deleted_at IS NULL"),
        )

    op.create_table(
        "consents",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("user_id", sa.String(length=128), nullable=False),
        sa.Column("platform", sa.String(length=16), nullable=False),
        sa.Column(
            "login_type",
            sa.Enum("", "facebook", "instagram", name="logintype", native_enum=False, length=24),
            nullable=False,
        ),
        sa.Column("redirect", sa.String(length=2000), nullable=False),
        sa.Column("verifier", sa.Text(), nullable=True),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "asked",
                "granted",
                "exchanging",
                "connected",
                "failed",
                name="consentstate",
                native_enum=False,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("account_id", sa.String(length=26), nullable=True),
        sa.Column("error_code", sa.String(length=100), nullable=True),
        sa.Column("error_message", sa.String(length=1000), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consents")),
    )
    with op.batch_alter_table("consents", schema=None) as batch_op:
        batch_op.create_index("ix_consents_expires_at", ["expires_at"], unique=False)
        batch_op.create_index("ix_consents_state_expires_at", ["state", "expires_at"], unique=False)

    op.create_table(
        "idempotency_keys",
        sa.Column("user_id", sa.String(length=128), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("request_hash", sa.String(length=64), nullable=False),
        sa.Column("made_id", sa.String(length=26), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "key", name=op.f("pk_idempotency_keys")),
    )
    with op.batch_alter_table("idempotency_keys", schema=None) as batch_op:
        batch_op.create_index("ix_idempotency_keys_created_at", ["created_at"], unique=False)

    op.create_table(
        "notifications",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("subject_id", sa.String(length=26), nullable=False),
        sa.Column("user_id", sa.String(length=128), nullable=False),
        sa.Column("type", sa.String(length=40), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "pending",
                "delivered",
                "dead",
                name="notificationstate",
                native_enum=False,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("deliveries", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("give_up_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_error", sa.String(length=200), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications")),
    )
    with op.batch_alter_table("notifications", schema=None) as batch_op:
        batch_op.create_index(
            "ix_notifications_due",
            ["due_at"],
            unique=False,
            postgresql_where=sa.text("state = 'pending'"),
            sqlite_where=sa.text("state = 'pending'"),
        )
        batch_op.create_index("ix_notifications_state_id", ["state", "id"], unique=False)
        batch_op.create_index("ix_notifications_subject_id_id", ["subject_id", "id"], unique=False)
        batch_op.create_index("ix_notifications_created_at", ["created_at"], unique=False)

    op.create_table(
        "tallies",
        sa.Column("seconds", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("start_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("platform", sa.String(length=16), nullable=False),
        sa.Column(
            "figures", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.PrimaryKeyConstraint("seconds", "start_at", "platform", name=op.f("pk_tallies")),
    )
    op.create_table(
        "tally_marks",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("counted_until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tally_marks")),
    )
    op.create_table(
        "videos",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("user_id", sa.String(length=128), nullable=False),
        sa.Column("r2_key", sa.String(length=1024), nullable=False),
        sa.Column("title", sa.String(length=500), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "uploading", "ready", "invalid", name="videostate", native_enum=False, length=24
            ),
            nullable=False,
        ),
        sa.Column("state_reason", sa.String(length=500), nullable=False),
        sa.Column("is_upload", sa.Boolean(), nullable=False),
        sa.Column("upload_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("etag", sa.String(length=255), nullable=False),
        sa.Column("duration_seconds", sa.Double(), nullable=True),
        sa.Column("file_size", sa.BigInteger(), nullable=True),
        sa.Column("format", sa.String(length=32), nullable=True),
        sa.Column("resolution", sa.String(length=16), nullable=True),
        sa.Column("probe", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_videos")),
    )
    with op.batch_alter_table("videos", schema=None) as batch_op:
        batch_op.create_index(
            "ix_videos_not_ready",
            ["upload_expires_at"],
            unique=False,
            postgresql_where=sa.text("state <> 'ready'"),
            sqlite_where=sa.text("state <> 'ready'"),
        )
        batch_op.create_index("ix_videos_r2_key", ["r2_key"], unique=False)
        batch_op.create_index("ix_videos_user_id_id", ["user_id", "id"], unique=False)

    op.create_table(
        "renditions",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("user_id", sa.String(length=128), nullable=False),
        sa.Column("source_key", sa.String(length=1024), nullable=False),
        sa.Column("source_etag", sa.String(length=255), nullable=False),
        sa.Column("source_bytes", sa.BigInteger(), nullable=False),
        sa.Column("duration_seconds", sa.Double(), nullable=False),
        sa.Column("recipe_digest", sa.String(length=32), nullable=False),
        sa.Column(
            "recipe", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column(
            "state",
            sa.Enum(
                "pending",
                "encoding",
                "ready",
                "failed",
                name="renditionstate",
                native_enum=False,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("run_number", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("lost_runs", sa.Integer(), nullable=False),
        sa.Column("progress", sa.Integer(), nullable=False),
        sa.Column("r2_key", sa.String(length=1024), nullable=True),
        sa.Column("etag", sa.String(length=255), nullable=False),
        sa.Column("file_size", sa.BigInteger(), nullable=True),
        sa.Column("probe", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=True),
        sa.Column("error_code", sa.String(length=100), nullable=True),
        sa.Column("error_category", sa.String(length=16), nullable=True),
        sa.Column("error_message", sa.String(length=500), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_renditions")),
        sa.UniqueConstraint(
            "source_key",
            "source_etag",
            "recipe_digest",
            name=op.f("uq_renditions_source_key_source_etag_recipe_digest"),
        ),
    )
    with op.batch_alter_table("renditions", schema=None) as batch_op:
        batch_op.create_index(
            "ix_renditions_due",
            ["due_at"],
            unique=False,
            postgresql_where=sa.text("state IN ('pending', 'encoding')"),
            sqlite_where=sa.text("state IN ('pending', 'encoding')"),
        )
        batch_op.create_index("ix_renditions_last_used_at", ["last_used_at"], unique=False)
        batch_op.create_index("ix_renditions_user_id", ["user_id", "started_at"], unique=False)

    op.create_table(
        "publish_jobs",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("user_id", sa.String(length=128), nullable=False),
        sa.Column("account_id", sa.String(length=26), nullable=False),
        sa.Column("video_id", sa.String(length=26), nullable=False),
        sa.Column("platform", sa.String(length=16), nullable=False),
        sa.Column("batch_id", sa.String(length=26), nullable=True),
        sa.Column("caption", sa.Text(), nullable=False),
        sa.Column(
            "hashtags", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column("privacy_level", sa.String(length=16), nullable=False),
        sa.Column("share_to_feed", sa.Boolean(), nullable=False),
        sa.Column(
            "platform_options",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("backoff_type", sa.String(length=16), nullable=False),
        sa.Column("backoff_delay_ms", sa.Integer(), nullable=False),
        sa.Column(
            "remove_on_complete",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "remove_on_fail",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column("scheduled_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "delayed",
                "waiting",
                "active",
                "completed",
                "failed",
                "cancelled",
                name="jobstate",
                native_enum=False,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column(
            "step",
            sa.Enum(
                "token",
                "video",
                "optimize",
                "upload",
                "process",
                "record",
                name="step",
                native_enum=False,
                length=24,
            ),
            nullable=True,
        ),
        sa.Column("progress", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts_made", sa.Integer(), nullable=False),
        sa.Column("lost_runs", sa.Integer(), nullable=False),
        sa.Column("reopened", sa.Integer(), nullable=False),
        sa.Column("is_at_platform", sa.Boolean(), nullable=False),
        sa.Column("rendition_id", sa.String(length=26), nullable=True),
        sa.Column("run_number", sa.Integer(), nullable=False),
        sa.Column("is_leased", sa.Boolean(), nullable=False),
        sa.Column("wake_number", sa.Integer(), nullable=False),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("checkpoint", sa.Text(), nullable=True),
        sa.Column("committed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("unanswered_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("checking_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "risks_told", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column("error_code", sa.String(length=100), nullable=True),
        sa.Column("error_category", sa.String(length=16), nullable=True),
        sa.Column("error_message", sa.String(length=1000), nullable=True),
        sa.Column("error_hint", sa.String(length=500), nullable=True),
        sa.Column("error_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("first_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('completed', 'failed', 'cancelled') OR due_at IS NOT NULL",
            name=op.f("ck_publish_jobs_open_has_due_time"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_publish_jobs_account_id_accounts")
        ),
        sa.ForeignKeyConstraint(
            ["rendition_id"], ["renditions.id"], name=op.f("fk_publish_jobs_rendition_id_renditions")
        ),
        sa.ForeignKeyConstraint(
            ["video_id"], ["videos.id"], name=op.f("fk_publish_jobs_video_id_videos")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_publish_jobs")),
    )
    with op.batch_alter_table("publish_jobs", schema=None) as batch_op:
        batch_op.create_index(
            "ix_publish_jobs_active",
            ["platform"],
            unique=False,
            postgresql_where=sa.text("state = 'active'"),
            sqlite_where=sa.text("state = 'active'"),
        )
        batch_op.create_index("ix_publish_jobs_batch_id", ["batch_id"], unique=False)
        batch_op.create_index(
            "ix_publish_jobs_due",
            ["platform", "due_at"],
            unique=False,
            postgresql_where=sa.text("state IN ('waiting', 'active')"),
            sqlite_where=sa.text("state IN ('waiting', 'active')"),
        )
        batch_op.create_index(
            "ix_publish_jobs_at_platform",
            ["platform", "due_at"],
            unique=False,
            postgresql_where=sa.text("state IN ('waiting', 'active') AND is_at_platform"),
            sqlite_where=sa.text("state IN ('waiting', 'active') AND is_at_platform"),
        )
        batch_op.create_index(
            "ix_publish_jobs_lane",
            ["account_id", "priority", "due_at"],
            unique=False,
            postgresql_where=sa.text("state IN ('waiting', 'active') AND NOT is_at_platform AND NOT is_leased"),
            sqlite_where=sa.text("state IN ('waiting', 'active') AND NOT is_at_platform AND NOT is_leased"),
        )
        batch_op.create_index(
            "ix_publish_jobs_leased",
            ["platform", "due_at"],
            unique=False,
            postgresql_where=sa.text("is_leased"),
            sqlite_where=sa.text("is_leased"),
        )
        batch_op.create_index(
            "ix_publish_jobs_unchecked",
            ["due_at"],
            unique=False,
            postgresql_where=sa.text("state = 'waiting' AND due_at = scheduled_time AND checked_at IS NULL"),
            sqlite_where=sa.text("state = 'waiting' AND due_at = scheduled_time AND checked_at IS NULL"),
        )
        batch_op.create_index(
            "ix_publish_jobs_paused",
            ["platform", "due_at"],
            unique=False,
            postgresql_where=sa.text(PAUSED),
            sqlite_where=sa.text(PAUSED),
        )
        batch_op.create_index(
            "ix_publish_jobs_unavailable",
            ["platform", "due_at"],
            unique=False,
            postgresql_where=sa.text(UNAVAILABLE),
            sqlite_where=sa.text(UNAVAILABLE),
        )
        batch_op.create_index(
            "ix_publish_jobs_completed",
            ["id"],
            unique=False,
            postgresql_where=sa.text(COMPLETED),
            sqlite_where=sa.text(COMPLETED),
        )
        batch_op.create_index(
            "ix_publish_jobs_unsuccessful",
            ["id"],
            unique=False,
            postgresql_where=sa.text(UNSUCCESSFUL),
            sqlite_where=sa.text(UNSUCCESSFUL),
        )
        batch_op.create_index(
            "ix_publish_jobs_ambiguous",
            ["id"],
            unique=False,
            postgresql_where=sa.text(AMBIGUOUS),
            sqlite_where=sa.text(AMBIGUOUS),
        )
        batch_op.create_index("ix_publish_jobs_finished_at", ["finished_at"], unique=False)
        batch_op.create_index("ix_publish_jobs_rendition_id", ["rendition_id"], unique=False)
        batch_op.create_index(
            "ix_publish_jobs_upcoming",
            ["due_at", "id"],
            unique=False,
            postgresql_where=sa.text("state = 'waiting'"),
            sqlite_where=sa.text("state = 'waiting'"),
        )
        batch_op.create_index("ix_publish_jobs_user_id_id", ["user_id", "id"], unique=False)
        batch_op.create_index("ix_publish_jobs_video_id", ["video_id"], unique=False)

    op.create_table(
        "published_posts",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("job_id", sa.String(length=26), nullable=False),
        sa.Column("user_id", sa.String(length=128), nullable=False),
        sa.Column("account_id", sa.String(length=26), nullable=False),
        sa.Column("video_id", sa.String(length=26), nullable=False),
        sa.Column("platform", sa.String(length=16), nullable=False),
        sa.Column("platform_post_id", sa.String(length=255), nullable=True),
        sa.Column("url", sa.String(length=1000), nullable=True),
        sa.Column("caption", sa.Text(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("views", sa.BigInteger(), nullable=True),
        sa.Column("likes", sa.BigInteger(), nullable=True),
        sa.Column("comments", sa.BigInteger(), nullable=True),
        sa.Column("shares", sa.BigInteger(), nullable=True),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("count_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("follow_up_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_published_posts_account_id_accounts")
        ),
        sa.ForeignKeyConstraint(
            ["video_id"], ["videos.id"], name=op.f("fk_published_posts_video_id_videos")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_published_posts")),
        sa.UniqueConstraint("job_id", name=op.f("uq_published_posts_job_id")),
    )
    with op.batch_alter_table("published_posts", schema=None) as batch_op:
        batch_op.create_index(
            "ix_published_posts_account_id_count_at",
            ["account_id", "count_at"],
            unique=False,
            postgresql_where=sa.text("count_at IS NOT NULL"),
            sqlite_where=sa.text("count_at IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_published_posts_count_at",
            ["platform", "count_at"],
            unique=False,
            postgresql_where=sa.text("count_at IS NOT NULL"),
            sqlite_where=sa.text("count_at IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_published_posts_follow_up_at",
            ["follow_up_at"],
            unique=False,
            postgresql_where=sa.text("follow_up_at IS NOT NULL"),
            sqlite_where=sa.text("follow_up_at IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_published_posts_platform_platform_post_id",
            ["platform", "platform_post_id"],
            unique=False,
        )
        batch_op.create_index("ix_published_posts_user_id_id", ["user_id", "id"], unique=False)
        batch_op.create_index(
            "ix_published_posts_user_id_platform", ["user_id", "platform"], unique=False
        )
        batch_op.create_index("ix_published_posts_video_id", ["video_id"], unique=False)

    op.create_table(
        "timeline",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("job_id", sa.String(length=26), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("sent_bytes", sa.BigInteger(), nullable=True),
        sa.Column("error_code", sa.String(length=100), nullable=True),
        sa.Column("error_category", sa.String(length=16), nullable=True),
        sa.Column("error_message", sa.String(length=1000), nullable=True),
        sa.ForeignKeyConstraint(
            ["job_id"],
            ["publish_jobs.id"],
            name=op.f("fk_timeline_job_id_publish_jobs"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_timeline")),
    )
    with op.batch_alter_table("timeline", schema=None) as batch_op:
        batch_op.create_index(
            "ix_timeline_sent_upload_ended_at",
            ["ended_at"],
            unique=False,
            postgresql_where=sa.text(SENT_UPLOAD),
            sqlite_where=sa.text(SENT_UPLOAD),
        )
        batch_op.create_index(
            "ix_timeline_failed_attempt_ended_at",
            ["ended_at"],
            unique=False,
            postgresql_where=sa.text(FAILED_ATTEMPT),
            sqlite_where=sa.text(FAILED_ATTEMPT),
        )
        batch_op.create_index("ix_timeline_job_id_id", ["job_id", "id"], unique=False)

    op.create_table(
        "scheduler_terms",
        sa.Column("name", sa.String(length=16), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("renewals", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.String(length=26), nullable=False),
        sa.Column("renewed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_scheduler_terms")),
    )
    op.create_table(
        "worker_trees",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("platforms", sa.String(length=255), nullable=False),
        sa.Column("concurrency", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_worker_trees")),
    )
    op.create_table(
        "lanes",
        sa.Column("account_id", sa.String(length=26), nullable=False),
        sa.Column("priority", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("platform", sa.String(length=16), nullable=False),
        sa.Column("head_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("served_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("turn_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("account_id", "priority", name=op.f("pk_lanes")),
    )
    with op.batch_alter_table("lanes", schema=None) as batch_op:
        batch_op.create_index("ix_lanes_turn", ["platform", "priority", "turn_at"], unique=False)

    op.create_table(
        "gates",
        sa.Column("key", sa.String(length=26), nullable=False),
        sa.Column("begins_closed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reads_closed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("code", sa.String(length=100), nullable=False),
        sa.Column("message", sa.String(length=1000), nullable=False),
        sa.Column("hint", sa.String(length=500), nullable=False),
        sa.Column("posts_max", sa.Integer(), nullable=True),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_releasing", sa.Boolean(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failed_job_id", sa.String(length=26), nullable=True),
        sa.Column("is_general", sa.Boolean(), nullable=False),
        sa.Column("probe_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("probe_job_id", sa.String(length=26), nullable=True),
        sa.Column("pause_seconds", sa.Double(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_recovering", sa.Boolean(), nullable=False),
        sa.Column("silent_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_gates")),
    )
    op.create_table(
        "limit_uses",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("platform", sa.String(length=16), nullable=False),
        sa.Column("account_id", sa.String(length=26), nullable=False),
        sa.Column("counts", sa.String(length=16), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("job_id", sa.String(length=26), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_limit_uses")),
    )
    with op.batch_alter_table("limit_uses", schema=None) as batch_op:
        batch_op.create_index(
            "ix_limit_uses_account", ["account_id", "counts", "used_at"], unique=False
        )
        batch_op.create_index("ix_limit_uses_job_id", ["job_id"], unique=True)
        batch_op.create_index(
            "ix_limit_uses_platform",
            ["platform", "counts", "used_at", "account_id", "amount"],
            unique=False,
        )
        batch_op.create_index("ix_limit_uses_used_at", ["used_at"], unique=False)


def downgrade() -> None:
    op.drop_table("worker_trees")
    op.drop_table("scheduler_terms")
    op.drop_table("limit_uses")
    op.drop_table("gates")
    op.drop_table("lanes")
    with op.batch_alter_table("timeline", schema=None) as batch_op:
        batch_op.drop_index("ix_timeline_job_id_id")
        batch_op.drop_index(
            "ix_timeline_failed_attempt_ended_at",
            postgresql_where=sa.text(FAILED_ATTEMPT),
            sqlite_where=sa.text(FAILED_ATTEMPT),
        )
        batch_op.drop_index(
            "ix_timeline_sent_upload_ended_at",
            postgresql_where=sa.text(SENT_UPLOAD),
            sqlite_where=sa.text(SENT_UPLOAD),
        )

    op.drop_table("timeline")
    with op.batch_alter_table("published_posts", schema=None) as batch_op:
        batch_op.drop_index("ix_published_posts_video_id")
        batch_op.drop_index("ix_published_posts_user_id_platform")
        batch_op.drop_index("ix_published_posts_user_id_id")
        batch_op.drop_index("ix_published_posts_platform_platform_post_id")
        batch_op.drop_index(
            "ix_published_posts_follow_up_at",
            postgresql_where=sa.text("follow_up_at IS NOT NULL"),
            sqlite_where=sa.text("follow_up_at IS NOT NULL"),
        )
        batch_op.drop_index(
            "ix_published_posts_count_at",
            postgresql_where=sa.text("count_at IS NOT NULL"),
            sqlite_where=sa.text("count_at IS NOT NULL"),
        )
        batch_op.drop_index(
            "ix_published_posts_account_id_count_at",
            postgresql_where=sa.text("count_at IS NOT NULL"),
            sqlite_where=sa.text("count_at IS NOT NULL"),
        )

    op.drop_table("published_posts")
    with op.batch_alter_table("publish_jobs", schema=None) as batch_op:
        batch_op.drop_index("ix_publish_jobs_video_id")
        batch_op.drop_index("ix_publish_jobs_user_id_id")
        batch_op.drop_index("ix_publish_jobs_rendition_id")
        batch_op.drop_index(
            "ix_publish_jobs_upcoming",
            postgresql_where=sa.text("state = 'waiting'"),
            sqlite_where=sa.text("state = 'waiting'"),
        )
        batch_op.drop_index("ix_publish_jobs_finished_at")
        batch_op.drop_index(
            "ix_publish_jobs_due",
            postgresql_where=sa.text("state IN ('waiting', 'active')"),
            sqlite_where=sa.text("state IN ('waiting', 'active')"),
        )
        batch_op.drop_index("ix_publish_jobs_batch_id")
        batch_op.drop_index(
            "ix_publish_jobs_active",
            postgresql_where=sa.text("state = 'active'"),
            sqlite_where=sa.text("state = 'active'"),
        )

    op.drop_table("publish_jobs")
    with op.batch_alter_table("renditions", schema=None) as batch_op:
        batch_op.drop_index("ix_renditions_user_id")
        batch_op.drop_index("ix_renditions_last_used_at")
        batch_op.drop_index(
            "ix_renditions_due",
            postgresql_where=sa.text("state IN ('pending', 'encoding')"),
            sqlite_where=sa.text("state IN ('pending', 'encoding')"),
        )

    op.drop_table("renditions")
    with op.batch_alter_table("videos", schema=None) as batch_op:
        batch_op.drop_index("ix_videos_user_id_id")
        batch_op.drop_index("ix_videos_r2_key")
        batch_op.drop_index(
            "ix_videos_not_ready",
            postgresql_where=sa.text("state <> 'ready'"),
            sqlite_where=sa.text("state <> 'ready'"),
        )

    op.drop_table("videos")
    op.drop_table("tally_marks")
    op.drop_table("tallies")
    with op.batch_alter_table("notifications", schema=None) as batch_op:
        batch_op.drop_index("ix_notifications_created_at")
        batch_op.drop_index("ix_notifications_subject_id_id")
        batch_op.drop_index(
            "ix_notifications_due",
            postgresql_where=sa.text("state = 'pending'"),
            sqlite_where=sa.text("state = 'pending'"),
        )

    op.drop_table("notifications")
    with op.batch_alter_table("idempotency_keys", schema=None) as batch_op:
        batch_op.drop_index("ix_idempotency_keys_created_at")

    op.drop_table("idempotency_keys")
    with op.batch_alter_table("consents", schema=None) as batch_op:
        batch_op.drop_index("ix_consents_state_expires_at")
        batch_op.drop_index("ix_consents_expires_at")

    op.drop_table("consents")
    with op.batch_alter_table("accounts", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_accounts_to_reconnect",
            postgresql_where=sa.text("state = 'reconnect_required' AND deleted_at IS NULL"),
            sqlite_where=sa.text("state = 'reconnect_required' AND deleted_at IS NULL"),
        )

    op.drop_table("accounts")
