"""search by a part of a value: truncated keyed hashes, the plan they are cut by, and the rebuilding of indexes"""

from alembic import op

from pii_vault.migrations.steps import comment, create

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

RUNTIME = "larets_vault"

TABLES = """
CREATE TABLE search_key (
    token uuid PRIMARY KEY,
    tenant_key integer NOT NULL,
    class_key smallint NOT NULL,
    index_version smallint NOT NULL,
    places bigint[] NOT NULL
);
CREATE INDEX search_key_places ON search_key USING gin (places)
    WITH (fastupdate = on, gin_pending_list_limit = 16384);
CREATE TABLE search_plan (
    tenant_key integer NOT NULL,
    class_key smallint NOT NULL,
    kind text NOT NULL CHECK (kind IN ('last4', 'domain', 'prefix')),
    bits smallint NOT NULL CHECK (bits BETWEEN 1 AND 28),
    old_bits smallint CHECK (old_bits BETWEEN 1 AND 28),
    planned_rows bigint NOT NULL,
    made timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_key, class_key, kind)
);
CREATE TABLE reindex_progress (
    tenant_key integer PRIMARY KEY,
    version smallint NOT NULL,
    after uuid,
    done bigint NOT NULL DEFAULT 0,
    begun timestamptz NOT NULL DEFAULT now(),
    finished timestamptz
);
"""

# Whoever deletes a value deletes what it is found by: no path of erasure can forget that.
FOLLOW = """
CREATE FUNCTION search_key_follow() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM public.search_key AS k USING gone WHERE k.token = gone.token;
    RETURN NULL;
END
$$
"""
FOLLOWED = """
CREATE TRIGGER search_key_follow AFTER DELETE ON pii_value
REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION search_key_follow()
"""
# A corrected value has other parts: what it was found by is void at once, and rebuilt with the next re-indexing.
CHANGED = """
CREATE FUNCTION search_key_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM public.search_key WHERE token = OLD.token;
    RETURN NULL;
END
$$
"""
CHANGE = """
CREATE TRIGGER search_key_changed AFTER UPDATE OF ciphertext ON pii_value
FOR EACH ROW EXECUTE FUNCTION search_key_changed()
"""

COMMENTS = {
    "search_key.places": "class, kind, tenant and the first bits of the keyed hash of each part of the value: many "
    "parts share a place by design, so a place tells little",
    "search_plan.bits": "how many bits of the hash are kept, from the number of rows there were",
    "search_plan.old_bits": "while entries are rebuilt: searched too",
    "reindex_progress.after": "the last token that was done: a run that was stopped goes on behind it",
}

GRANTS = {
    "search_key": "SELECT, INSERT, UPDATE, DELETE",
    "search_plan": "SELECT, INSERT, UPDATE, DELETE",
    "reindex_progress": "SELECT, INSERT, UPDATE",
}


def upgrade() -> None:
    create(TABLES)
    comment(COMMENTS)
    for table, rights in GRANTS.items():
        op.execute(f"REVOKE ALL ON {table} FROM PUBLIC, {RUNTIME}")
        op.execute(f"GRANT {rights} ON {table} TO {RUNTIME}")
    op.execute(f"GRANT UPDATE (digest, index_version) ON pii_value TO {RUNTIME}")
    for statement in (FOLLOW, FOLLOWED, CHANGED, CHANGE):
        op.execute(statement)


def downgrade() -> None:
    for trigger in ("search_key_follow", "search_key_changed"):
        op.execute(f"DROP TRIGGER {trigger} ON pii_value")
        op.execute(f"DROP FUNCTION {trigger}()")
    op.execute(f"REVOKE UPDATE (digest, index_version) ON pii_value FROM {RUNTIME}")
    for table in reversed(GRANTS):
        op.execute(f"DROP TABLE {table}")
