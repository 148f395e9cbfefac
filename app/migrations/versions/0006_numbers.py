"""order numbers found by an index; the shop's title and time zone

Row-level security lets an index serve only operators that cannot leak a row, and LIKE is not among them: a plain
comparison is. A number is therefore found by a range, over its beginning or over its end read backwards. The generated
columns rewrite the table once, under its lock.
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

RUNTIME = "larets_app"

STATEMENTS = (
    """
    ALTER TABLE orders
        ADD COLUMN number_head text COLLATE "C" GENERATED ALWAYS AS (lower(number)) STORED,
        ADD COLUMN number_tail text COLLATE "C" GENERATED ALWAYS AS (reverse(lower(number))) STORED
    """,
    "CREATE INDEX orders_by_number_head ON orders (tenant_id, number_head)",
    "CREATE INDEX orders_by_number_tail ON orders (tenant_id, number_tail)",
    """
    ALTER TABLE tenant ADD COLUMN time_zone text NOT NULL DEFAULT 'Europe/Moscow'
        CHECK (time_zone ~ '^[A-Z][A-Za-z]+(/[A-Z][A-Za-z_]+)*$')
    """,
    "COMMENT ON COLUMN tenant.title IS 'as the private contour last told it, with a token of the issuer'",
    "COMMENT ON COLUMN tenant.time_zone IS 'the shop''s own clock; its owner sets it in the CRM'",
    f"GRANT UPDATE (title, time_zone) ON tenant TO {RUNTIME}",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute(f"REVOKE UPDATE (title, time_zone) ON tenant FROM {RUNTIME}")
    op.execute("ALTER TABLE tenant DROP COLUMN time_zone")
    op.execute("ALTER TABLE orders DROP COLUMN number_head, DROP COLUMN number_tail")
