"""the witness of the vault's audit log"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

RUNTIME = "larets_app"

# Of no tenant: sizes and hashes of the whole log, nothing about any shop or person. So no row-level security.
LOG = """
CREATE TABLE witness_log (
    origin text PRIMARY KEY,
    size bigint NOT NULL CHECK (size >= 0),
    root bytea NOT NULL CHECK (length(root) = 32),
    note text NOT NULL,
    cosigned_at timestamptz NOT NULL
)
"""
HISTORY = """
CREATE TABLE witness_checkpoint (
    origin text NOT NULL,
    hour timestamptz NOT NULL,
    size bigint NOT NULL,
    root bytea NOT NULL,
    note text NOT NULL,
    PRIMARY KEY (origin, hour)
)
"""
COMMENTS = (
    "COMMENT ON TABLE witness_log IS 'the newest checkpoint cosigned for each log; it never shrinks'",
    "COMMENT ON TABLE witness_checkpoint IS 'the last checkpoint cosigned in each hour, with both signatures'",
)
# The size of a log is a promise: even the role of the application cannot take it back.
GUARD = """
CREATE FUNCTION witness_log_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.size < OLD.size OR NEW.origin <> OLD.origin OR (NEW.size = OLD.size AND NEW.root <> OLD.root) THEN
        RAISE EXCEPTION 'a witnessed log may only grow' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$
"""


def upgrade() -> None:
    for statement in (LOG, HISTORY, *COMMENTS, GUARD):
        op.execute(statement)
    op.execute(
        "CREATE TRIGGER only_grows BEFORE UPDATE ON witness_log FOR EACH ROW EXECUTE FUNCTION witness_log_only_grows()"
    )
    op.execute(f"GRANT SELECT, INSERT, UPDATE ON witness_log, witness_checkpoint TO {RUNTIME}")


def downgrade() -> None:
    op.execute("DROP TABLE witness_log, witness_checkpoint")
    op.execute("DROP FUNCTION witness_log_only_grows()")
