"""origins of the audit log, alarms and break-glass

None of these tables holds a value: ids, counts, times, and reasons in which no personal datum was found.
"""

from alembic import op

from pii_vault.migrations.steps import comment, create

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

RUNTIME = "larets_vault"

TABLES = """
CREATE TABLE audit_origin (
    number integer PRIMARY KEY CHECK (number >= 2),
    origin text NOT NULL UNIQUE,
    kept bigint NOT NULL CHECK (kept >= 0),
    statement text NOT NULL,
    made timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE alarm_state (
    the_one boolean PRIMARY KEY DEFAULT true CHECK (the_one),
    next_idx bigint NOT NULL DEFAULT 0 CHECK (next_idx >= 0),
    looked timestamptz NOT NULL DEFAULT now()
);
INSERT INTO alarm_state DEFAULT VALUES;
CREATE TABLE alarm_activity (
    tenant text NOT NULL,
    principal_kind text NOT NULL,
    principal text NOT NULL,
    hour timestamptz NOT NULL,
    persons bigint NOT NULL DEFAULT 0,
    searches bigint NOT NULL DEFAULT 0,
    misses bigint NOT NULL DEFAULT 0,
    refused bigint NOT NULL DEFAULT 0,
    over_budget bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, principal_kind, principal, hour)
);
CREATE INDEX alarm_activity_hour ON alarm_activity (hour);
CREATE TABLE alarm (
    key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text NOT NULL,
    kind text NOT NULL CHECK (kind ~ '^[a-z_]{1,40}$'),
    principal_kind text NOT NULL,
    principal text NOT NULL,
    hour timestamptz NOT NULL,
    step smallint NOT NULL,
    counts jsonb NOT NULL,
    raised timestamptz NOT NULL DEFAULT now(),
    acknowledged timestamptz,
    acknowledged_by text,
    note text CHECK (length(note) BETWEEN 1 AND 500),
    UNIQUE (tenant, kind, principal_kind, principal, hour, step),
    CHECK ((acknowledged IS NULL) = (acknowledged_by IS NULL))
);
CREATE INDEX alarm_open ON alarm (kind) WHERE acknowledged IS NULL;
CREATE TABLE break_glass (
    id text PRIMARY KEY CHECK (id ~ '^bgl_[0-9a-hjkmnp-tv-z]{26}$'),
    tenant text NOT NULL,
    requested_by text NOT NULL,
    purpose text NOT NULL,
    classes text[] NOT NULL CHECK (cardinality(classes) BETWEEN 1 AND 32),
    reason text NOT NULL CHECK (length(reason) BETWEEN 10 AND 500),
    minutes integer NOT NULL CHECK (minutes BETWEEN 1 AND 60),
    requested timestamptz NOT NULL,
    decided timestamptz,
    decided_by text,
    approved boolean,
    expires timestamptz,
    ended timestamptz,
    reported timestamptz,
    CHECK ((decided IS NULL) = (decided_by IS NULL) AND (decided IS NULL) = (approved IS NULL)),
    CHECK (decided_by <> requested_by),
    CHECK ((expires IS NULL) = (approved IS NOT TRUE)),
    CHECK (expires <= decided + interval '60 minutes')
);
CREATE INDEX break_glass_unreported ON break_glass (expires) WHERE reported IS NULL AND expires IS NOT NULL;
CREATE INDEX break_glass_tenant ON break_glass (tenant, requested);
"""

COMMENTS = {
    "audit_origin.kept": "number of the record with which the origin begins; those before it were kept by the restore",
    "audit_origin.statement": "a note signed by the log's key: what was witnessed before, what is lost, who approved",
    "alarm_state.next_idx": "the first audit record that the alarms have not looked at yet",
    "alarm_activity.persons": "persons of whom a value was shown, by acts: the same person counts again",
    "alarm_activity.misses": "searches that found nobody",
    "alarm.hour": "the hour of the acts that raised it",
    "alarm.step": "how many times the threshold was doubled: each doubling is an alarm of its own",
    "alarm.counts": "figures of the rule: what was seen, what is usual, where the threshold lies",
    "alarm.note": "what the officer who acknowledged it found out; no personal datum is accepted in it",
    "break_glass.decided_by": "another person than who asked",
    "break_glass.expires": "the grant is void from here on, whatever else the row says",
    "break_glass.reported": "when the record of its result was written",
}

GRANTS = {
    "audit_origin": "SELECT",
    "alarm_state": "SELECT, UPDATE",
    "alarm_activity": "SELECT, INSERT, UPDATE, DELETE",
    "alarm": "SELECT, INSERT, UPDATE",
    "break_glass": "SELECT, INSERT, UPDATE",
}


def upgrade() -> None:
    create(TABLES)
    comment(COMMENTS)
    for table, rights in GRANTS.items():
        op.execute(f"REVOKE ALL ON {table} FROM PUBLIC, {RUNTIME}")
        op.execute(f"GRANT {rights} ON {table} TO {RUNTIME}")


def downgrade() -> None:
    for table in reversed(GRANTS):
        op.execute(f"DROP TABLE {table}")
