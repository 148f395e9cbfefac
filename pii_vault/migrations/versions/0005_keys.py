"""the key life cycle: progress of rotations, minimums, ready keys

The key service knows which versions it holds; these columns say which ones rows may name. They only ever rise, and
the database holds that: a version that was given up never comes back, whoever asks.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

RUNTIME = "larets_vault"
LIFE = "kek_minimum, kek_rotated, kek_trimmed, index_oldest, index_writes, index_newest, index_rotated, index_trimmed"

TABLES = """
ALTER TABLE tenant
    ADD COLUMN kek_minimum integer NOT NULL DEFAULT 1,
    ADD COLUMN kek_rotated timestamptz,
    ADD COLUMN kek_trimmed timestamptz,
    ADD COLUMN index_oldest smallint NOT NULL DEFAULT 1,
    ADD COLUMN index_writes smallint NOT NULL DEFAULT 1,
    ADD COLUMN index_newest smallint NOT NULL DEFAULT 1,
    ADD COLUMN index_rotated timestamptz,
    ADD COLUMN index_trimmed timestamptz,
    ADD CONSTRAINT tenant_key_versions CHECK (
        kek_minimum >= 1 AND index_oldest >= 1 AND index_oldest <= index_writes AND index_writes <= index_newest
    );
CREATE TABLE rewrap_progress (
    tenant text PRIMARY KEY,
    target integer NOT NULL,
    after_subject uuid,
    after_retention smallint,
    done bigint NOT NULL DEFAULT 0,
    started timestamptz NOT NULL DEFAULT now(),
    updated timestamptz NOT NULL DEFAULT now(),
    finished timestamptz
);
"""

COMMENTS = {
    "tenant.kek_minimum": "no row may be written under an older KEK, and none is; the key service destroyed the older",
    "tenant.kek_rotated": "when the newest KEK was made",
    "tenant.kek_trimmed": "when older KEKs were destroyed last: what was erased before is gone from old backups too",
    "tenant.index_oldest": "rows may still carry digests of this version; older index keys are destroyed",
    "tenant.index_writes": "version under which new digests are made",
    "tenant.index_newest": "version up to which is searched: ahead of index_writes until every worker searches both",
    "tenant.index_rotated": "when the newest index key was made",
    "tenant.index_trimmed": "when older index keys were destroyed last",
    "rewrap_progress.target": "the KEK version the rows are being wrapped under",
    "rewrap_progress.after_subject": "every key up to this subject and retention is done; an interrupted run goes on",
}

# A worker that slept through a rotation would write keys which nobody can open after the trim. The trim raises the
# minimum, waits for the transactions that were open then, and looks at the rows again: whoever writes later meets this.
GUARD = """
CREATE FUNCTION dek_version_guard() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM fresh JOIN public.tenant ON tenant.key = fresh.tenant_key
        WHERE fresh.kek_version < tenant.kek_minimum
    ) THEN
        RAISE EXCEPTION 'a key was wrapped under a KEK version that was given up'
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    RETURN NULL;
END
$$;
"""
GUARDED = """
CREATE TRIGGER dek_version_guard AFTER INSERT ON dek
REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION dek_version_guard()
"""

RATCHET = """
CREATE FUNCTION tenant_key_ratchet() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.kek_minimum < OLD.kek_minimum OR NEW.index_oldest < OLD.index_oldest
       OR NEW.index_writes < OLD.index_writes OR NEW.index_newest < OLD.index_newest THEN
        RAISE EXCEPTION 'a key version only ever rises' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
"""
RATCHETED = """
CREATE TRIGGER tenant_key_ratchet BEFORE UPDATE ON tenant FOR EACH ROW EXECUTE FUNCTION tenant_key_ratchet()
"""

GRANTS = (
    f"GRANT UPDATE ({LIFE}) ON tenant TO {RUNTIME}",
    f"GRANT UPDATE (kek_version, wrapped) ON dek, gateway_connection TO {RUNTIME}",
    f"GRANT SELECT, UPDATE (kek_version, blob) ON identity_key TO {RUNTIME}",
    f"GRANT SELECT, INSERT, UPDATE ON rewrap_progress TO {RUNTIME}",
)


def upgrade() -> None:
    for statement in filter(str.strip, TABLES.split(";\n")):
        op.execute(statement)
    for column, comment in COMMENTS.items():
        quoted = comment.replace("'", "''")
        op.execute(f"COMMENT ON COLUMN {column} IS '{quoted}'")
    for statement in (GUARD, GUARDED, RATCHET, RATCHETED, *GRANTS):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TRIGGER dek_version_guard ON dek")
    op.execute("DROP FUNCTION dek_version_guard()")
    op.execute("DROP TRIGGER tenant_key_ratchet ON tenant")
    op.execute("DROP FUNCTION tenant_key_ratchet()")
    op.execute("DROP TABLE rewrap_progress")
    op.execute(f"REVOKE UPDATE (kek_version, wrapped) ON dek, gateway_connection FROM {RUNTIME}")
    op.execute(f"REVOKE UPDATE (kek_version, blob) ON identity_key FROM {RUNTIME}")
    for column in ("CONSTRAINT tenant_key_versions", *(f"COLUMN {name}" for name in LIFE.split(", "))):
        op.execute(f"ALTER TABLE tenant DROP {column}")
