"""staff and sessions"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TABLES = """
ALTER TABLE tenant ADD COLUMN title text NOT NULL DEFAULT '';

CREATE TABLE identity_key (
    version integer PRIMARY KEY,
    kek_version integer NOT NULL,
    blob bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN identity_key.blob IS 'the issuer''s own key, wrapped by the key service';

CREATE TABLE signing_key (
    kid text PRIMARY KEY,
    algorithm text NOT NULL,
    state text NOT NULL CHECK (state IN ('next', 'current', 'retired')),
    public_jwk jsonb NOT NULL,
    sealed bytea NOT NULL,
    created_at timestamptz NOT NULL,
    published_until timestamptz
);
CREATE UNIQUE INDEX signing_key_one_current ON signing_key (state) WHERE state = 'current';
CREATE UNIQUE INDEX signing_key_one_next ON signing_key (state) WHERE state = 'next';
COMMENT ON COLUMN signing_key.sealed IS 'private part, sealed by the issuer''s key with the kid as context';

CREATE TABLE staff (
    id text PRIMARY KEY CHECK (id ~ '^stf_[0-9a-hjkmnp-tv-z]{26}$'),
    tenant_key integer NOT NULL REFERENCES tenant (key),
    alias text NOT NULL CHECK (length(alias) BETWEEN 1 AND 60),
    role text NOT NULL CHECK (role IN ('owner', 'sales', 'marketer', 'warehouse', 'officer')),
    state text NOT NULL CHECK (state IN ('invited', 'active', 'disabled')),
    login_digest bytea NOT NULL UNIQUE,
    login_sealed bytea NOT NULL,
    password_hash text,
    totp_sealed bytea,
    totp_step bigint,
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    UNIQUE (tenant_key, alias)
);
COMMENT ON COLUMN staff.alias IS 'work name, crosses into the public contour: no personal data';
COMMENT ON COLUMN staff.login_digest IS 'keyed hash of the login: finds a person, tells nothing without the key';
COMMENT ON COLUMN staff.login_sealed IS 'the login, sealed; the id is its context';
COMMENT ON COLUMN staff.totp_step IS 'last time step that was accepted: a code is good once';

CREATE TABLE staff_invitation (
    digest bytea PRIMARY KEY,
    staff_id text NOT NULL REFERENCES staff (id),
    kind text NOT NULL CHECK (kind IN ('invitation', 'second_factor')),
    totp_sealed bytea NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);
CREATE INDEX staff_invitation_staff ON staff_invitation (staff_id);
COMMENT ON COLUMN staff_invitation.digest IS 'SHA-256 of the code in the link; the code itself is kept nowhere';

CREATE TABLE staff_session (
    sid text PRIMARY KEY,
    staff_id text NOT NULL REFERENCES staff (id),
    device text NOT NULL,
    created_at timestamptz NOT NULL,
    auth_time timestamptz NOT NULL,
    second_factor_at timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at timestamptz,
    end_reason text
);
CREATE INDEX staff_session_staff ON staff_session (staff_id) WHERE ended_at IS NULL;
CREATE INDEX staff_session_expiry ON staff_session (expires_at);

CREATE TABLE session_cookie (
    digest bytea PRIMARY KEY,
    sid text NOT NULL REFERENCES staff_session (sid) ON DELETE CASCADE,
    audience text NOT NULL CHECK (audience IN ('vault', 'console')),
    created_at timestamptz NOT NULL,
    UNIQUE (sid, audience)
);
COMMENT ON COLUMN session_cookie.digest IS 'SHA-256 of the cookie; a copy of this table opens no session';

CREATE TABLE signin_attempt (
    digest bytea PRIMARY KEY,
    staff_id text NOT NULL REFERENCES staff (id),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
COMMENT ON TABLE signin_attempt IS 'password proved, second factor still to come; bound to one browser by a cookie';

CREATE TABLE signin_throttle (
    digest bytea PRIMARY KEY,
    failures integer NOT NULL,
    blocked_until timestamptz,
    changed_at timestamptz NOT NULL
);
CREATE INDEX signin_throttle_changed ON signin_throttle (changed_at);
COMMENT ON COLUMN signin_throttle.digest IS 'keyed hash of a login or of a block of addresses; neither is kept';

CREATE TABLE authorization_code (
    digest bytea PRIMARY KEY,
    sid text NOT NULL REFERENCES staff_session (sid) ON DELETE CASCADE,
    client_id text NOT NULL,
    redirect_uri text NOT NULL,
    scope text NOT NULL,
    nonce text,
    code_challenge text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);
CREATE INDEX authorization_code_sid ON authorization_code (sid);

CREATE TABLE refresh_token (
    digest bytea PRIMARY KEY,
    sid text NOT NULL REFERENCES staff_session (sid) ON DELETE CASCADE,
    client_id text NOT NULL,
    scope text NOT NULL,
    created_at timestamptz NOT NULL,
    used_at timestamptz
);
CREATE INDEX refresh_token_sid ON refresh_token (sid);
COMMENT ON COLUMN refresh_token.used_at IS 'set once; a token that comes a second time ends its session';
"""

GRANTS = """
GRANT SELECT, INSERT ON identity_key TO larets_vault;
GRANT SELECT, INSERT, UPDATE ON staff TO larets_vault;
GRANT SELECT, INSERT, UPDATE, DELETE ON
    signing_key, staff_invitation, staff_session, session_cookie, signin_attempt, signin_throttle,
    authorization_code, refresh_token
TO larets_vault;
"""

NAMES = (
    "refresh_token",
    "authorization_code",
    "signin_throttle",
    "signin_attempt",
    "session_cookie",
    "staff_session",
    "staff_invitation",
    "staff",
    "signing_key",
    "identity_key",
)


def upgrade() -> None:
    for statement in filter(str.strip, (TABLES + GRANTS).split(";\n")):
        op.execute(statement)


def downgrade() -> None:
    for name in NAMES:
        op.execute(f"DROP TABLE {name}")
    op.execute("ALTER TABLE tenant DROP COLUMN title")
