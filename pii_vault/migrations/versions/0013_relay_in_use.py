"""the relay in use: one destination cannot hold up the others, a mail is not sent twice, templates are decided on

Expands only: the code before this one runs on it, and its dispatches are taken up by the code after.
"""

from alembic import op

from pii_vault.migrations.steps import comment, create, grant

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

RUNTIME = "larets_vault"

STATEMENTS = """
ALTER TABLE relay_dispatch
    ADD COLUMN destination text NOT NULL DEFAULT '',
    ADD COLUMN contour text NOT NULL DEFAULT 'public' CHECK (contour IN ('private', 'public')),
    ADD COLUMN consent text,
    ADD COLUMN changes integer NOT NULL DEFAULT 0;
ALTER TABLE relay_dispatch DROP CONSTRAINT relay_dispatch_state_check;
ALTER TABLE relay_dispatch ADD CONSTRAINT relay_dispatch_state_check CHECK (
    state IN ('queued', 'sending', 'sent', 'delivered', 'refused', 'bounced', 'dead', 'unknown'));
CREATE INDEX relay_dispatch_queue ON relay_dispatch (tenant_key, destination, due) WHERE state = 'queued';
CREATE INDEX relay_dispatch_sending ON relay_dispatch (due) WHERE state = 'sending';
DROP INDEX relay_dispatch_due;
ALTER TABLE relay_template
    ADD COLUMN proposed timestamptz,
    ADD COLUMN rejected timestamptz,
    ADD COLUMN rejected_by text,
    ADD COLUMN retired_by text,
    ADD COLUMN note text CHECK (length(note) <= 500);
ALTER TABLE relay_template ALTER COLUMN proposed SET DEFAULT now();
ALTER TABLE relay_template ADD CONSTRAINT relay_template_decided_once CHECK (
    (rejected IS NULL) = (rejected_by IS NULL) AND (rejected IS NULL OR approved IS NULL));
"""

COMMENTS = {
    "relay_dispatch.destination": "of the template: so many at once for each, that none holds up the others",
    "relay_dispatch.contour": "where who ordered it stands: with its certificate it is asked again when it is sent",
    "relay_dispatch.consent": "the consent that this message asks to confirm; its code is made when it is sent",
    "relay_dispatch.changes": "number of the state's last change; the public contour drops lower ones",
    "relay_template.rejected": "decided against: it is never approved, a better text is another version",
    "relay_template.note": "why it was rejected or withdrawn, without personal data",
}
GRANTS = {
    "relay_template": "UPDATE (rejected, rejected_by, retired_by, note)",
    "consent": "UPDATE (code_expires)",
}


def upgrade() -> None:
    create(STATEMENTS)
    comment(COMMENTS)
    grant(GRANTS, to=RUNTIME)


def downgrade() -> None:
    op.execute(f"REVOKE UPDATE (code_expires) ON consent FROM {RUNTIME}")
    op.execute("DELETE FROM relay_dispatch WHERE state IN ('sending', 'unknown')")
    op.execute("ALTER TABLE relay_dispatch DROP CONSTRAINT relay_dispatch_state_check")
    op.execute(
        "ALTER TABLE relay_dispatch ADD CONSTRAINT relay_dispatch_state_check CHECK ("
        "state IN ('queued', 'sent', 'delivered', 'refused', 'bounced', 'dead'))"
    )
    op.execute("DROP INDEX relay_dispatch_queue, relay_dispatch_sending")
    op.execute("CREATE INDEX relay_dispatch_due ON relay_dispatch (due) WHERE state = 'queued'")
    for column in ("destination", "contour", "consent", "changes"):
        op.execute(f"ALTER TABLE relay_dispatch DROP COLUMN {column}")
    op.execute("ALTER TABLE relay_template DROP CONSTRAINT relay_template_decided_once")
    for column in ("proposed", "rejected", "rejected_by", "retired_by", "note"):
        op.execute(f"ALTER TABLE relay_template DROP COLUMN {column}")
