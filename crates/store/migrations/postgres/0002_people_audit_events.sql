-- People and gateways come to partners, what people do is recorded, and what becomes of pushes is told as it happens.

-- A secret that was replaced is valid until then.
ALTER TABLE client_secrets ADD COLUMN expires_ms BIGINT;

-- One a partner and e-mail address; it goes when it is accepted. The address may be somebody's already, which the
-- partner must not learn: so an invitation has an id of its own.
CREATE TABLE invitations (
    partner_id             TEXT COLLATE "C" NOT NULL REFERENCES partners (partner_id),
    invitation_id          TEXT COLLATE "C" NOT NULL,
    email                  TEXT COLLATE "C" NOT NULL,
    invited_by             TEXT COLLATE "C",
    token_hash             BYTEA NOT NULL,
    is_owner               BOOLEAN NOT NULL,
    view_device_info       BOOLEAN NOT NULL,
    manage_device_profiles BOOLEAN NOT NULL,
    invite_users           BOOLEAN NOT NULL,
    created_ms             BIGINT NOT NULL,
    expires_ms             BIGINT NOT NULL,
    PRIMARY KEY (partner_id, invitation_id),
    CONSTRAINT invitations_email UNIQUE (partner_id, email),
    CONSTRAINT invitations_token UNIQUE (token_hash)
);

-- registers_device_type_id and registers_account_id: where it puts devices that nobody knew, if it may register any.
CREATE TABLE gateway_tokens (
    partner_id               TEXT COLLATE "C" NOT NULL REFERENCES partners (partner_id),
    gateway_token_id         TEXT COLLATE "C" NOT NULL,
    name                     TEXT COLLATE "C" NOT NULL,
    token_hash               BYTEA NOT NULL,
    registers_device_type_id TEXT COLLATE "C",
    registers_account_id     TEXT COLLATE "C" REFERENCES accounts (account_id),
    created_ms               BIGINT NOT NULL,
    expires_ms               BIGINT,
    PRIMARY KEY (partner_id, gateway_token_id),
    CONSTRAINT gateway_tokens_hash UNIQUE (token_hash),
    FOREIGN KEY (partner_id, registers_device_type_id) REFERENCES device_types (partner_id, device_type_id)
);

-- The last entry of each partner's audit log, so that the end of a log cannot be cut off unnoticed.
CREATE TABLE audit_heads (
    partner_id TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES partners (partner_id),
    sequence   BIGINT NOT NULL,
    hash       BYTEA NOT NULL
);

-- Who did what. Rows are only ever added; hash covers the row and the hash before it. They refer to the head, which
-- whoever adds one has locked, and not to the partner, whom somebody else may have.
CREATE TABLE audit_log (
    partner_id  TEXT COLLATE "C" NOT NULL REFERENCES audit_heads (partner_id),
    sequence    BIGINT NOT NULL,
    at_ms       BIGINT NOT NULL,
    actor_kind  TEXT COLLATE "C" NOT NULL,
    actor_id    TEXT COLLATE "C",
    actor_name  TEXT COLLATE "C",
    action      TEXT COLLATE "C" NOT NULL,
    object_kind TEXT COLLATE "C" NOT NULL,
    object_id   TEXT COLLATE "C" NOT NULL,
    before      TEXT COLLATE "C",
    after       TEXT COLLATE "C",
    address     TEXT COLLATE "C",
    request_id  TEXT COLLATE "C",
    hash        BYTEA NOT NULL,
    PRIMARY KEY (partner_id, sequence)
);
CREATE INDEX audit_log_time ON audit_log (partner_id, at_ms);

-- What became of pushes, for those who listen. The oldest go after a while; push_history stays.
CREATE TABLE push_events (
    partner_id TEXT COLLATE "C" NOT NULL,
    sequence   BIGINT NOT NULL,
    push_id    TEXT COLLATE "C" NOT NULL,
    at_ms      BIGINT NOT NULL,
    state      TEXT COLLATE "C" NOT NULL,
    progress   BIGINT,
    message    TEXT COLLATE "C",
    PRIMARY KEY (partner_id, sequence),
    FOREIGN KEY (partner_id, push_id) REFERENCES pushes (partner_id, push_id)
);
CREATE INDEX push_events_push ON push_events (partner_id, push_id, sequence);
CREATE INDEX push_events_time ON push_events (at_ms);
