"""search by a part of a value: truncated keyed hashes, the plan they are cut by, and the rebuilding of indexes"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

RUNTIME = "larets_vault"

TABLES = """
CREATE TABLE search_key (
    place bigint NOT NULL,
    token uuid NOT NULL,
    tenant_key integer NOT NULL,
    index_version smallint NOT NULL
);
CREATE INDEX search_key_place ON search_key (place);
CREATE INDEX search_key_token ON search_key (token);
CREATE TABLE search_plan (
    tenant_key integer NOT NULL,
    class_key smallint NOT NULL,
    kind text NOT NULL CHECK (kind IN ('last4', 'domain', 'prefix')),
    bits smallint NOT NULL CHECK (bits BETWEEN 1 AND 32),
    planned_rows bigint NOT NULL,
    made timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_key, class_key, kind)
);
CREATE TABLE reindex (
    tenant_key integer NOT NULL,
    class_key smallint NOT NULL,
    version smallint NOT NULL,
    after uuid,
    done bigint NOT NULL DEFAULT 0,
    begun timestamptz NOT NULL DEFAULT now(),
    finished timestamptz,
    PRIMARY KEY (tenant_key, class_key, version)
);
"""

COMMENTS = {
    "search_key.place": "class, kind, tenant and the first bits of the keyed hash of a part of a value: "
    "many parts share a place by design",
    "search_plan.bits": "how many bits of the hash are kept, from the number of rows there were",
    "reindex.after": "the last token that was done: a run that was stopped goes on behind it",
}

GRANTS = {
    "search_key": "SELECT, INSERT, DELETE",
    "search_plan": "SELECT, INSERT, UPDATE",
    "reindex": "SELECT, INSERT, UPDATE",
}


def upgrade() -> None:
    for statement in filter(str.strip, TABLES.split(";\n")):
        op.execute(statement)
    for column, comment in COMMENTS.items():
        quoted = comment.replace("'", "''")
        op.execute(f"COMMENT ON COLUMN {column} IS '{quoted}'")
    for table, rights in GRANTS.items():
        op.execute(f"REVOKE ALL ON {table} FROM PUBLIC, {RUNTIME}")
        op.execute(f"GRANT {rights} ON {table} TO {RUNTIME}")


def downgrade() -> None:
    for table in reversed(GRANTS):
        op.execute(f"DROP TABLE {table}")
