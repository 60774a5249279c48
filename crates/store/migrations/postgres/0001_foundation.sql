-- Everything the service remembers, apart from the bytes of the binaries.
--
-- Time is integer milliseconds since the Unix epoch. Text compares by bytes. What belongs to a partner has the
-- partner in its primary key and in every foreign key, so that a reference across partners cannot be stored.

-- Numbers that are given out once: ids of records, and version numbers by firmware type.
CREATE TABLE sequences (
    name  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);

-- The platform's firmware types have their numbers as ids; what partners make begins well above.
INSERT INTO sequences (name, value) VALUES ('record', 1000);

CREATE TABLE partners (
    partner_id    TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name          TEXT COLLATE "C" NOT NULL,
    short_name    TEXT COLLATE "C",
    contact_email TEXT COLLATE "C",
    is_default    BOOLEAN NOT NULL,
    client_id     TEXT COLLATE "C" NOT NULL,
    created_ms    BIGINT NOT NULL,
    updated_ms    BIGINT NOT NULL,
    CONSTRAINT partners_short_name UNIQUE (short_name),
    CONSTRAINT partners_client_id UNIQUE (client_id)
);

-- At most one partner is the default one: two bootstraps at once cannot both win.
CREATE UNIQUE INDEX partners_one_default ON partners (is_default) WHERE is_default;

CREATE TABLE client_secrets (
    partner_id  TEXT COLLATE "C" NOT NULL REFERENCES partners (partner_id),
    secret_hash BYTEA NOT NULL,
    created_ms  BIGINT NOT NULL,
    PRIMARY KEY (partner_id, secret_hash)
);

CREATE TABLE users (
    user_id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    email           TEXT COLLATE "C" NOT NULL,
    first_name      TEXT COLLATE "C" NOT NULL,
    last_name       TEXT COLLATE "C" NOT NULL,
    password_hash   TEXT COLLATE "C" NOT NULL,
    is_admin        BOOLEAN NOT NULL,
    failed_attempts BIGINT NOT NULL,
    last_used_ms    BIGINT,
    created_ms      BIGINT NOT NULL,
    CONSTRAINT users_email UNIQUE (email)
);

CREATE TABLE partner_access (
    partner_id             TEXT COLLATE "C" NOT NULL REFERENCES partners (partner_id),
    user_id                TEXT COLLATE "C" NOT NULL REFERENCES users (user_id),
    is_owner               BOOLEAN NOT NULL,
    view_device_info       BOOLEAN NOT NULL,
    manage_device_profiles BOOLEAN NOT NULL,
    invite_users           BOOLEAN NOT NULL,
    created_ms             BIGINT NOT NULL,
    PRIMARY KEY (partner_id, user_id)
);
CREATE INDEX partner_access_user ON partner_access (user_id);

-- partner_id: the partner whose people made the account, and who may therefore write to it.
CREATE TABLE accounts (
    account_id  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    partner_id  TEXT COLLATE "C" NOT NULL REFERENCES partners (partner_id),
    description TEXT COLLATE "C" NOT NULL,
    created_ms  BIGINT NOT NULL
);
CREATE INDEX accounts_partner ON accounts (partner_id);

CREATE TABLE account_access (
    account_id TEXT COLLATE "C" NOT NULL REFERENCES accounts (account_id),
    user_id    TEXT COLLATE "C" NOT NULL REFERENCES users (user_id),
    is_owner   BOOLEAN NOT NULL,
    can_write  BOOLEAN NOT NULL,
    PRIMARY KEY (account_id, user_id)
);
CREATE INDEX account_access_user ON account_access (user_id);

-- All tokens that go back to one sign-in. Without a user, the partner itself acts (client credentials).
CREATE TABLE token_families (
    family_id  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    partner_id TEXT COLLATE "C" NOT NULL REFERENCES partners (partner_id),
    user_id    TEXT COLLATE "C" REFERENCES users (user_id),
    expires_ms BIGINT NOT NULL,
    revoked_ms BIGINT
);
CREATE INDEX token_families_expiry ON token_families (expires_ms);

CREATE TABLE access_tokens (
    token_hash BYTEA NOT NULL PRIMARY KEY,
    family_id  TEXT COLLATE "C" NOT NULL REFERENCES token_families (family_id) ON DELETE CASCADE,
    expires_ms BIGINT NOT NULL
);
CREATE INDEX access_tokens_family ON access_tokens (family_id);
CREATE INDEX access_tokens_expiry ON access_tokens (expires_ms);

CREATE TABLE refresh_tokens (
    token_hash BYTEA NOT NULL PRIMARY KEY,
    family_id  TEXT COLLATE "C" NOT NULL REFERENCES token_families (family_id) ON DELETE CASCADE,
    expires_ms BIGINT NOT NULL,
    used_ms    BIGINT
);
CREATE INDEX refresh_tokens_family ON refresh_tokens (family_id);

CREATE TABLE firmware_types (
    partner_id  TEXT COLLATE "C" NOT NULL REFERENCES partners (partner_id),
    type        BIGINT NOT NULL,
    id          BIGINT NOT NULL,
    name        TEXT COLLATE "C" NOT NULL,
    description TEXT COLLATE "C",
    created_ms  BIGINT NOT NULL,
    updated_ms  BIGINT NOT NULL,
    PRIMARY KEY (partner_id, type)
);

CREATE TABLE device_types (
    partner_id     TEXT COLLATE "C" NOT NULL REFERENCES partners (partner_id),
    device_type_id TEXT COLLATE "C" NOT NULL,
    name           TEXT COLLATE "C" NOT NULL,
    description    TEXT COLLATE "C",
    created_ms     BIGINT NOT NULL,
    updated_ms     BIGINT NOT NULL,
    PRIMARY KEY (partner_id, device_type_id)
);

-- The bytes, once each for the whole installation. location names them in the repository.
CREATE TABLE blobs (
    sha256     BYTEA NOT NULL PRIMARY KEY,
    sha1       BYTEA NOT NULL,
    md5        BYTEA NOT NULL,
    size       BIGINT NOT NULL,
    location   TEXT COLLATE "C" NOT NULL,
    created_ms BIGINT NOT NULL,
    CONSTRAINT blobs_location UNIQUE (location)
);

-- A partner's upload of a blob. Without moved_ms it is temporary.
CREATE TABLE binaries (
    partner_id  TEXT COLLATE "C" NOT NULL REFERENCES partners (partner_id),
    sha256      BYTEA NOT NULL REFERENCES blobs (sha256),
    file_name   TEXT COLLATE "C",
    uploaded_ms BIGINT NOT NULL,
    moved_ms    BIGINT,
    PRIMARY KEY (partner_id, sha256)
);
CREATE INDEX binaries_sha256 ON binaries (sha256);
CREATE INDEX binaries_temporary ON binaries (uploaded_ms) WHERE moved_ms IS NULL;

-- Firmware images: the pool, and the device descriptions (type 4), which are made for one device type.
-- url is empty where the image points to a binary of this installation, which sha256 then names.
CREATE TABLE images (
    partner_id               TEXT COLLATE "C" NOT NULL REFERENCES partners (partner_id),
    id                       BIGINT NOT NULL,
    type                     BIGINT NOT NULL,
    version_number           BIGINT NOT NULL,
    name                     TEXT COLLATE "C" NOT NULL,
    description              TEXT COLLATE "C",
    version                  TEXT COLLATE "C" NOT NULL,
    url                      TEXT COLLATE "C" NOT NULL,
    sha256                   BYTEA,
    was_pushed               BOOLEAN NOT NULL,
    describes_device_type_id TEXT COLLATE "C",
    device_description_id    TEXT COLLATE "C",
    device_profile_id        TEXT COLLATE "C",
    created_ms               BIGINT NOT NULL,
    updated_ms               BIGINT NOT NULL,
    PRIMARY KEY (partner_id, id),
    CONSTRAINT images_version_number UNIQUE (type, version_number)
);
CREATE UNIQUE INDEX images_pool_name ON images (partner_id, type, name, version) WHERE type <> 4;
CREATE UNIQUE INDEX images_description_name ON images (partner_id, describes_device_type_id, name, version) WHERE type = 4;

CREATE TABLE image_tags (
    partner_id TEXT COLLATE "C" NOT NULL,
    image_id   BIGINT NOT NULL,
    position   BIGINT NOT NULL,
    tag        TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (partner_id, image_id, position),
    FOREIGN KEY (partner_id, image_id) REFERENCES images (partner_id, id) ON DELETE CASCADE
);
CREATE INDEX image_tags_tag ON image_tags (partner_id, tag);

-- partner_id is the device type's partner; the image may be another partner's.
CREATE TABLE associations (
    partner_id       TEXT COLLATE "C" NOT NULL,
    id               BIGINT NOT NULL,
    device_type_id   TEXT COLLATE "C" NOT NULL,
    image_partner_id TEXT COLLATE "C" NOT NULL,
    image_id         BIGINT NOT NULL,
    created_ms       BIGINT NOT NULL,
    updated_ms       BIGINT NOT NULL,
    PRIMARY KEY (partner_id, id),
    CONSTRAINT associations_once UNIQUE (partner_id, device_type_id, image_partner_id, image_id),
    FOREIGN KEY (partner_id, device_type_id) REFERENCES device_types (partner_id, device_type_id),
    FOREIGN KEY (image_partner_id, image_id) REFERENCES images (partner_id, id)
);
CREATE INDEX associations_image ON associations (image_partner_id, image_id);

-- A device without account was disassociated: it has no credential, and keeps its numbering and history.
CREATE TABLE devices (
    partner_id     TEXT COLLATE "C" NOT NULL,
    device_id      TEXT COLLATE "C" NOT NULL,
    device_type_id TEXT COLLATE "C" NOT NULL,
    account_id     TEXT COLLATE "C" REFERENCES accounts (account_id),
    friendly_name  TEXT COLLATE "C" NOT NULL,
    token_hash     BYTEA,
    config_wanted  BOOLEAN NOT NULL,
    last_action    BIGINT NOT NULL,
    last_seen_ms   BIGINT,
    last_address   TEXT COLLATE "C",
    created_ms     BIGINT NOT NULL,
    PRIMARY KEY (partner_id, device_id),
    CONSTRAINT devices_account UNIQUE (account_id, device_id),
    FOREIGN KEY (partner_id, device_type_id) REFERENCES device_types (partner_id, device_type_id)
);
CREATE INDEX devices_type ON devices (partner_id, device_type_id);

CREATE TABLE device_tags (
    partner_id TEXT COLLATE "C" NOT NULL,
    device_id  TEXT COLLATE "C" NOT NULL,
    position   BIGINT NOT NULL,
    tag_id     TEXT COLLATE "C" NOT NULL,
    value      TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (partner_id, device_id, position),
    FOREIGN KEY (partner_id, device_id) REFERENCES devices (partner_id, device_id)
);

-- What a device runs, by firmware type: its version attributes.
CREATE TABLE device_versions (
    partner_id     TEXT COLLATE "C" NOT NULL,
    device_id      TEXT COLLATE "C" NOT NULL,
    type           BIGINT NOT NULL,
    version_number BIGINT NOT NULL,
    updated_ms     BIGINT NOT NULL,
    PRIMARY KEY (partner_id, device_id, type),
    FOREIGN KEY (partner_id, device_id) REFERENCES devices (partner_id, device_id)
);

-- What a device says about itself by name.
CREATE TABLE device_config (
    partner_id TEXT COLLATE "C" NOT NULL,
    device_id  TEXT COLLATE "C" NOT NULL,
    name       TEXT COLLATE "C" NOT NULL,
    value      TEXT COLLATE "C" NOT NULL,
    updated_ms BIGINT NOT NULL,
    PRIMARY KEY (partner_id, device_id, name),
    FOREIGN KEY (partner_id, device_id) REFERENCES devices (partner_id, device_id)
);

-- action numbers a device's pushes: device protocols name a push by it.
CREATE TABLE pushes (
    partner_id        TEXT COLLATE "C" NOT NULL,
    push_id           TEXT COLLATE "C" NOT NULL,
    device_id         TEXT COLLATE "C" NOT NULL,
    action            BIGINT NOT NULL,
    device_type_id    TEXT COLLATE "C" NOT NULL,
    association_id    BIGINT NOT NULL,
    image_partner_id  TEXT COLLATE "C" NOT NULL,
    image_id          BIGINT NOT NULL,
    type              BIGINT NOT NULL,
    version_number    BIGINT NOT NULL,
    version           TEXT COLLATE "C" NOT NULL,
    requested_by      TEXT COLLATE "C" NOT NULL,
    state             TEXT COLLATE "C" NOT NULL,
    before_cancelling TEXT COLLATE "C",
    progress          BIGINT,
    message           TEXT COLLATE "C",
    deadline_ms       BIGINT,
    check_ms          BIGINT,
    created_ms        BIGINT NOT NULL,
    updated_ms        BIGINT NOT NULL,
    started_ms        BIGINT,
    finished_ms       BIGINT,
    PRIMARY KEY (partner_id, push_id),
    CONSTRAINT pushes_action UNIQUE (partner_id, device_id, action),
    FOREIGN KEY (partner_id, device_id) REFERENCES devices (partner_id, device_id),
    FOREIGN KEY (image_partner_id, image_id) REFERENCES images (partner_id, id)
);
CREATE UNIQUE INDEX pushes_one_live ON pushes (partner_id, device_id, type)
    WHERE finished_ms IS NULL AND state <> 'cancelling';
CREATE INDEX pushes_open ON pushes (partner_id, device_id) WHERE finished_ms IS NULL;
CREATE INDEX pushes_check ON pushes (check_ms) WHERE finished_ms IS NULL;
CREATE INDEX pushes_created ON pushes (partner_id, created_ms);

CREATE TABLE push_history (
    partner_id TEXT COLLATE "C" NOT NULL,
    push_id    TEXT COLLATE "C" NOT NULL,
    sequence   BIGINT NOT NULL,
    at_ms      BIGINT NOT NULL,
    state      TEXT COLLATE "C" NOT NULL,
    message    TEXT COLLATE "C",
    details    TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (partner_id, push_id, sequence),
    FOREIGN KEY (partner_id, push_id) REFERENCES pushes (partner_id, push_id)
);
