-- How devices prove who they are, partner by partner. Without a row: by tokens.

-- trust_digest covers the three columns before it. registers_…: where certified devices that nobody knew are put.
CREATE TABLE device_authentication (
    partner_id               TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES partners (partner_id),
    target_tokens            BOOLEAN NOT NULL,
    gateway_tokens           BOOLEAN NOT NULL,
    certificates             BOOLEAN NOT NULL,
    ca_bundle                TEXT COLLATE "C" NOT NULL,
    revocation_lists         TEXT COLLATE "C" NOT NULL,
    proxy_authorities        TEXT COLLATE "C" NOT NULL,
    trust_digest             BYTEA NOT NULL,
    registers_device_type_id TEXT COLLATE "C",
    registers_account_id     TEXT COLLATE "C" REFERENCES accounts (account_id),
    updated_ms               BIGINT NOT NULL,
    FOREIGN KEY (partner_id, registers_device_type_id) REFERENCES device_types (partner_id, device_type_id)
);

-- Keys that the installation has for itself, so that every process has the same ones.
CREATE TABLE installation_keys (
    name       TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    key        BYTEA NOT NULL,
    created_ms BIGINT NOT NULL
);
