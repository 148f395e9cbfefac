"""the mark by which a standby shows that it knows every change of what may be released"""

from alembic import op

from pii_vault.migrations.steps import comment, create, grant

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

RUNTIME = "larets_vault"

TABLES = """
CREATE TABLE replica_fence (
    the_one boolean PRIMARY KEY DEFAULT true CHECK (the_one),
    mark uuid NOT NULL DEFAULT gen_random_uuid()
) WITH (fillfactor = 50);
INSERT INTO replica_fence DEFAULT VALUES;
"""

COMMENTS = {
    "replica_fence.mark": "drawn anew by every transaction that changes what may be released of anybody; a standby "
    "whose copy is another lacks such a change, or has one that was lost here, and answers nothing",
}

# At COMMIT, so that this row is the last one a transaction locks and two of them cannot wait for one another. Once in a
# transaction: the row that it has drawn already bears its own number.
MOVE = """
CREATE FUNCTION move_replica_fence() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE public.replica_fence SET mark = gen_random_uuid() WHERE xmin <> pg_current_xact_id()::xid;
    RETURN NULL;
END
$$
"""

# What is only added needs no mark: a standby that has not got it says so, and the primary is asked. A re-wrapped key is
# not marked either, as its old form opens until the trim, which changes the tenant's row.
MOVED_BY = {
    "subject": "UPDATE OF state, consents OR DELETE",
    "pii_value": "UPDATE OF ciphertext OR DELETE",
    "dek": "DELETE",
    "tenant": "UPDATE OR DELETE",
    "search_plan": "INSERT OR UPDATE OR DELETE",
}


def upgrade() -> None:
    create(TABLES)
    comment(COMMENTS)
    op.execute(MOVE)
    op.execute("REVOKE ALL ON FUNCTION move_replica_fence() FROM PUBLIC")
    for table, change in MOVED_BY.items():
        op.execute(
            f"CREATE CONSTRAINT TRIGGER move_replica_fence AFTER {change} ON {table} "
            "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION move_replica_fence()"
        )
    grant({"replica_fence": "SELECT"}, to=RUNTIME)


def downgrade() -> None:
    for table in MOVED_BY:
        op.execute(f"DROP TRIGGER move_replica_fence ON {table}")
    op.execute("DROP FUNCTION move_replica_fence()")
    op.execute("DROP TABLE replica_fence")
