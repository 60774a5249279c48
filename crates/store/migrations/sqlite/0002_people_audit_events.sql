-- People and gateways come to partners, what people do is recorded, and what becomes of pushes is told as it happens.

-- A secret that was replaced is valid until then.
ALTER TABLE client_secrets ADD COLUMN expires_ms INTEGER;

-- One a partner and e-mail address; it goes when it is accepted. The address may be somebody's already, which the
-- partner must not learn: so an invitation has an id of its own.
CREATE TABLE invitations (
    partner_id             TEXT NOT NULL REFERENCES partners (partner_id),
    invitation_id          TEXT NOT NULL,
    email                  TEXT NOT NULL,
    invited_by             TEXT,
    token_hash             BLOB NOT NULL,
    is_owner               INTEGER NOT NULL,
    view_device_info       INTEGER NOT NULL,
    manage_device_profiles INTEGER NOT NULL,
    invite_users           INTEGER NOT NULL,
    created_ms             INTEGER NOT NULL,
    expires_ms             INTEGER NOT NULL,
    PRIMARY KEY (partner_id, invitation_id),
    CONSTRAINT invitations_email UNIQUE (partner_id, email),
    CONSTRAINT invitations_token UNIQUE (token_hash)
) STRICT;

-- registers_device_type_id and registers_account_id: where it puts devices that nobody knew, if it may register any.
CREATE TABLE gateway_tokens (
    partner_id               TEXT NOT NULL REFERENCES partners (partner_id),
    gateway_token_id         TEXT NOT NULL,
    name                     TEXT NOT NULL,
    token_hash               BLOB NOT NULL,
    registers_device_type_id TEXT,
    registers_account_id     TEXT REFERENCES accounts (account_id),
    created_ms               INTEGER NOT NULL,
    expires_ms               INTEGER,
    PRIMARY KEY (partner_id, gateway_token_id),
    CONSTRAINT gateway_tokens_hash UNIQUE (token_hash),
    FOREIGN KEY (partner_id, registers_device_type_id) REFERENCES device_types (partner_id, device_type_id)
) STRICT;

-- The last entry of each partner's audit log, so that the end of a log cannot be cut off unnoticed.
CREATE TABLE audit_heads (
    partner_id TEXT NOT NULL PRIMARY KEY REFERENCES partners (partner_id),
    sequence   INTEGER NOT NULL,
    hash       BLOB NOT NULL
) STRICT;

-- Who did what. Rows are only ever added; hash covers the row and the hash before it. They refer to the head, which
-- whoever adds one has locked, and not to the partner, whom somebody else may have.
CREATE TABLE audit_log (
    partner_id  TEXT NOT NULL REFERENCES audit_heads (partner_id),
    sequence    INTEGER NOT NULL,
    at_ms       INTEGER NOT NULL,
    actor_kind  TEXT NOT NULL,
    actor_id    TEXT,
    actor_name  TEXT,
    action      TEXT NOT NULL,
    object_kind TEXT NOT NULL,
    object_id   TEXT NOT NULL,
    before      TEXT,
    after       TEXT,
    address     TEXT,
    request_id  TEXT,
    hash        BLOB NOT NULL,
    PRIMARY KEY (partner_id, sequence)
) STRICT;
CREATE INDEX audit_log_time ON audit_log (partner_id, at_ms);

-- What became of pushes, for those who listen. The oldest go after a while; push_history stays.
CREATE TABLE push_events (
    partner_id TEXT NOT NULL,
    sequence   INTEGER NOT NULL,
    push_id    TEXT NOT NULL,
    at_ms      INTEGER NOT NULL,
    state      TEXT NOT NULL,
    progress   INTEGER,
    message    TEXT,
    PRIMARY KEY (partner_id, sequence),
    FOREIGN KEY (partner_id, push_id) REFERENCES pushes (partner_id, push_id)
) STRICT;
CREATE INDEX push_events_push ON push_events (partner_id, push_id, sequence);
CREATE INDEX push_events_time ON push_events (at_ms);
