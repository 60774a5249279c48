-- Everything the service remembers, apart from the bytes of the binaries.
--
-- Time is integer milliseconds since the Unix epoch. Text compares by bytes. What belongs to a partner has the
-- partner in its primary key and in every foreign key, so that a reference across partners cannot be stored.

-- Numbers that are given out once: ids of records, and version numbers by firmware type.
CREATE TABLE sequences (
    name  TEXT NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT;

-- The platform's firmware types have their numbers as ids; what partners make begins well above.
INSERT INTO sequences (name, value) VALUES ('record', 1000);

CREATE TABLE partners (
    partner_id    TEXT NOT NULL PRIMARY KEY,
    name          TEXT NOT NULL,
    short_name    TEXT,
    contact_email TEXT,
    is_default    INTEGER NOT NULL,
    client_id     TEXT NOT NULL,
    created_ms    INTEGER NOT NULL,
    updated_ms    INTEGER NOT NULL,
    CONSTRAINT partners_short_name UNIQUE (short_name),
    CONSTRAINT partners_client_id UNIQUE (client_id)
) STRICT;

-- At most one partner is the default one: two bootstraps at once cannot both win.
CREATE UNIQUE INDEX partners_one_default ON partners (is_default) WHERE is_default;

CREATE TABLE client_secrets (
    partner_id  TEXT NOT NULL REFERENCES partners (partner_id),
    secret_hash BLOB NOT NULL,
    created_ms  INTEGER NOT NULL,
    PRIMARY KEY (partner_id, secret_hash)
) STRICT;

CREATE TABLE users (
    user_id         TEXT NOT NULL PRIMARY KEY,
    email           TEXT NOT NULL,
    first_name      TEXT NOT NULL,
    last_name       TEXT NOT NULL,
    password_hash   TEXT NOT NULL,
    is_admin        INTEGER NOT NULL,
    failed_attempts INTEGER NOT NULL,
    last_used_ms    INTEGER,
    created_ms      INTEGER NOT NULL,
    CONSTRAINT users_email UNIQUE (email)
) STRICT;

CREATE TABLE partner_access (
    partner_id             TEXT NOT NULL REFERENCES partners (partner_id),
    user_id                TEXT NOT NULL REFERENCES users (user_id),
    is_owner               INTEGER NOT NULL,
    view_device_info       INTEGER NOT NULL,
    manage_device_profiles INTEGER NOT NULL,
    invite_users           INTEGER NOT NULL,
    created_ms             INTEGER NOT NULL,
    PRIMARY KEY (partner_id, user_id)
) STRICT;
CREATE INDEX partner_access_user ON partner_access (user_id);

-- partner_id: the partner whose people made the account, and who may therefore write to it.
CREATE TABLE accounts (
    account_id  TEXT NOT NULL PRIMARY KEY,
    partner_id  TEXT NOT NULL REFERENCES partners (partner_id),
    description TEXT NOT NULL,
    created_ms  INTEGER NOT NULL
) STRICT;
CREATE INDEX accounts_partner ON accounts (partner_id);

CREATE TABLE account_access (
    account_id TEXT NOT NULL REFERENCES accounts (account_id),
    user_id    TEXT NOT NULL REFERENCES users (user_id),
    is_owner   INTEGER NOT NULL,
    can_write  INTEGER NOT NULL,
    PRIMARY KEY (account_id, user_id)
) STRICT;
CREATE INDEX account_access_user ON account_access (user_id);

-- All tokens that go back to one sign-in. Without a user, the partner itself acts (client credentials).
CREATE TABLE token_families (
    family_id  TEXT NOT NULL PRIMARY KEY,
    partner_id TEXT NOT NULL REFERENCES partners (partner_id),
    user_id    TEXT REFERENCES users (user_id),
    expires_ms INTEGER NOT NULL,
    revoked_ms INTEGER
) STRICT;
CREATE INDEX token_families_expiry ON token_families (expires_ms);

CREATE TABLE access_tokens (
    token_hash BLOB NOT NULL PRIMARY KEY,
    family_id  TEXT NOT NULL REFERENCES token_families (family_id) ON DELETE CASCADE,
    expires_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX access_tokens_family ON access_tokens (family_id);
CREATE INDEX access_tokens_expiry ON access_tokens (expires_ms);

CREATE TABLE refresh_tokens (
    token_hash BLOB NOT NULL PRIMARY KEY,
    family_id  TEXT NOT NULL REFERENCES token_families (family_id) ON DELETE CASCADE,
    expires_ms INTEGER NOT NULL,
    used_ms    INTEGER
) STRICT;
CREATE INDEX refresh_tokens_family ON refresh_tokens (family_id);

CREATE TABLE firmware_types (
    partner_id  TEXT NOT NULL REFERENCES partners (partner_id),
    type        INTEGER NOT NULL,
    id          INTEGER NOT NULL,
    name        TEXT NOT NULL,
    description TEXT,
    created_ms  INTEGER NOT NULL,
    updated_ms  INTEGER NOT NULL,
    PRIMARY KEY (partner_id, type)
) STRICT;

CREATE TABLE device_types (
    partner_id     TEXT NOT NULL REFERENCES partners (partner_id),
    device_type_id TEXT NOT NULL,
    name           TEXT NOT NULL,
    description    TEXT,
    created_ms     INTEGER NOT NULL,
    updated_ms     INTEGER NOT NULL,
    PRIMARY KEY (partner_id, device_type_id)
) STRICT;

-- The bytes, once each for the whole installation. location names them in the repository.
CREATE TABLE blobs (
    sha256     BLOB NOT NULL PRIMARY KEY,
    sha1       BLOB NOT NULL,
    md5        BLOB NOT NULL,
    size       INTEGER NOT NULL,
    location   TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    CONSTRAINT blobs_location UNIQUE (location)
) STRICT;

-- A partner's upload of a blob. Without moved_ms it is temporary.
CREATE TABLE binaries (
    partner_id  TEXT NOT NULL REFERENCES partners (partner_id),
    sha256      BLOB NOT NULL REFERENCES blobs (sha256),
    file_name   TEXT,
    uploaded_ms INTEGER NOT NULL,
    moved_ms    INTEGER,
    PRIMARY KEY (partner_id, sha256)
) STRICT;
CREATE INDEX binaries_sha256 ON binaries (sha256);
CREATE INDEX binaries_temporary ON binaries (uploaded_ms) WHERE moved_ms IS NULL;

-- Firmware images: the pool, and the device descriptions (type 4), which are made for one device type.
-- url is empty where the image points to a binary of this installation, which sha256 then names.
CREATE TABLE images (
    partner_id               TEXT NOT NULL REFERENCES partners (partner_id),
    id                       INTEGER NOT NULL,
    type                     INTEGER NOT NULL,
    version_number           INTEGER NOT NULL,
    name                     TEXT NOT NULL,
    description              TEXT,
    version                  TEXT NOT NULL,
    url                      TEXT NOT NULL,
    sha256                   BLOB,
    was_pushed               INTEGER NOT NULL,
    describes_device_type_id TEXT,
    device_description_id    TEXT,
    device_profile_id        TEXT,
    created_ms               INTEGER NOT NULL,
    updated_ms               INTEGER NOT NULL,
    PRIMARY KEY (partner_id, id),
    CONSTRAINT images_version_number UNIQUE (type, version_number)
) STRICT;
CREATE UNIQUE INDEX images_pool_name ON images (partner_id, type, name, version) WHERE type <> 4;
CREATE UNIQUE INDEX images_description_name ON images (partner_id, describes_device_type_id, name, version) WHERE type = 4;

CREATE TABLE image_tags (
    partner_id TEXT NOT NULL,
    image_id   INTEGER NOT NULL,
    position   INTEGER NOT NULL,
    tag        TEXT NOT NULL,
    PRIMARY KEY (partner_id, image_id, position),
    FOREIGN KEY (partner_id, image_id) REFERENCES images (partner_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX image_tags_tag ON image_tags (partner_id, tag);

-- partner_id is the device type's partner; the image may be another partner's.
CREATE TABLE associations (
    partner_id       TEXT NOT NULL,
    id               INTEGER NOT NULL,
    device_type_id   TEXT NOT NULL,
    image_partner_id TEXT NOT NULL,
    image_id         INTEGER NOT NULL,
    created_ms       INTEGER NOT NULL,
    updated_ms       INTEGER NOT NULL,
    PRIMARY KEY (partner_id, id),
    CONSTRAINT associations_once UNIQUE (partner_id, device_type_id, image_partner_id, image_id),
    FOREIGN KEY (partner_id, device_type_id) REFERENCES device_types (partner_id, device_type_id),
    FOREIGN KEY (image_partner_id, image_id) REFERENCES images (partner_id, id)
) STRICT;
CREATE INDEX associations_image ON associations (image_partner_id, image_id);

-- A device without account was disassociated: it has no credential, and keeps its numbering and history.
CREATE TABLE devices (
    partner_id     TEXT NOT NULL,
    device_id      TEXT NOT NULL,
    device_type_id TEXT NOT NULL,
    account_id     TEXT REFERENCES accounts (account_id),
    friendly_name  TEXT NOT NULL,
    token_hash     BLOB,
    config_wanted  INTEGER NOT NULL,
    last_action    INTEGER NOT NULL,
    last_seen_ms   INTEGER,
    last_address   TEXT,
    created_ms     INTEGER NOT NULL,
    PRIMARY KEY (partner_id, device_id),
    CONSTRAINT devices_account UNIQUE (account_id, device_id),
    FOREIGN KEY (partner_id, device_type_id) REFERENCES device_types (partner_id, device_type_id)
) STRICT;
CREATE INDEX devices_type ON devices (partner_id, device_type_id);

CREATE TABLE device_tags (
    partner_id TEXT NOT NULL,
    device_id  TEXT NOT NULL,
    position   INTEGER NOT NULL,
    tag_id     TEXT NOT NULL,
    value      TEXT NOT NULL,
    PRIMARY KEY (partner_id, device_id, position),
    FOREIGN KEY (partner_id, device_id) REFERENCES devices (partner_id, device_id)
) STRICT;

-- What a device runs, by firmware type: its version attributes.
CREATE TABLE device_versions (
    partner_id     TEXT NOT NULL,
    device_id      TEXT NOT NULL,
    type           INTEGER NOT NULL,
    version_number INTEGER NOT NULL,
    updated_ms     INTEGER NOT NULL,
    PRIMARY KEY (partner_id, device_id, type),
    FOREIGN KEY (partner_id, device_id) REFERENCES devices (partner_id, device_id)
) STRICT;

-- What a device says about itself by name.
CREATE TABLE device_config (
    partner_id TEXT NOT NULL,
    device_id  TEXT NOT NULL,
    name       TEXT NOT NULL,
    value      TEXT NOT NULL,
    updated_ms INTEGER NOT NULL,
    PRIMARY KEY (partner_id, device_id, name),
    FOREIGN KEY (partner_id, device_id) REFERENCES devices (partner_id, device_id)
) STRICT;

-- action numbers a device's pushes: device protocols name a push by it.
CREATE TABLE pushes (
    partner_id        TEXT NOT NULL,
    push_id           TEXT NOT NULL,
    device_id         TEXT NOT NULL,
    action            INTEGER NOT NULL,
    device_type_id    TEXT NOT NULL,
    association_id    INTEGER NOT NULL,
    image_partner_id  TEXT NOT NULL,
    image_id          INTEGER NOT NULL,
    type              INTEGER NOT NULL,
    version_number    INTEGER NOT NULL,
    version           TEXT NOT NULL,
    requested_by      TEXT NOT NULL,
    state             TEXT NOT NULL,
    before_cancelling TEXT,
    progress          INTEGER,
    message           TEXT,
    deadline_ms       INTEGER,
    check_ms          INTEGER,
    created_ms        INTEGER NOT NULL,
    updated_ms        INTEGER NOT NULL,
    started_ms        INTEGER,
    finished_ms       INTEGER,
    PRIMARY KEY (partner_id, push_id),
    CONSTRAINT pushes_action UNIQUE (partner_id, device_id, action),
    FOREIGN KEY (partner_id, device_id) REFERENCES devices (partner_id, device_id),
    FOREIGN KEY (image_partner_id, image_id) REFERENCES images (partner_id, id)
) STRICT;
CREATE UNIQUE INDEX pushes_one_live ON pushes (partner_id, device_id, type)
    WHERE finished_ms IS NULL AND state <> 'cancelling';
CREATE INDEX pushes_open ON pushes (partner_id, device_id) WHERE finished_ms IS NULL;
CREATE INDEX pushes_check ON pushes (check_ms) WHERE finished_ms IS NULL;
CREATE INDEX pushes_created ON pushes (partner_id, created_ms);

CREATE TABLE push_history (
    partner_id TEXT NOT NULL,
    push_id    TEXT NOT NULL,
    sequence   INTEGER NOT NULL,
    at_ms      INTEGER NOT NULL,
    state      TEXT NOT NULL,
    message    TEXT,
    details    TEXT NOT NULL,
    PRIMARY KEY (partner_id, push_id, sequence),
    FOREIGN KEY (partner_id, push_id) REFERENCES pushes (partner_id, push_id)
) STRICT;
