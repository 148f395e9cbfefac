"""The guard of key versions compares the oldest new key of each shop, not each of a thousand: a third of its time

The same rows are refused as before (0005); the old code runs on it.
"""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

BODY = """
CREATE OR REPLACE FUNCTION dek_version_guard() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS ({oldest}) THEN
        RAISE EXCEPTION 'a key was wrapped under a KEK version that was given up'
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    RETURN NULL;
END
$$
"""
OLDEST = """
        SELECT FROM (SELECT tenant_key, min(kek_version) AS kek_version FROM fresh GROUP BY tenant_key) AS oldest
        JOIN public.tenant ON tenant.key = oldest.tenant_key
        WHERE oldest.kek_version < tenant.kek_minimum
"""
EACH = """
        SELECT FROM fresh JOIN public.tenant ON tenant.key = fresh.tenant_key
        WHERE fresh.kek_version < tenant.kek_minimum
"""


def upgrade() -> None:
    op.execute(BODY.format(oldest=OLDEST))


def downgrade() -> None:
    op.execute(BODY.format(oldest=EACH))
