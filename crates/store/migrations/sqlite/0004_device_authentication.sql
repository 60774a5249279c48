-- How devices prove who they are, partner by partner. Without a row: by tokens.

-- trust_digest covers the three columns before it. registers_…: where certified devices that nobody knew are put.
CREATE TABLE device_authentication (
    partner_id               TEXT NOT NULL PRIMARY KEY REFERENCES partners (partner_id),
    target_tokens            INTEGER NOT NULL,
    gateway_tokens           INTEGER NOT NULL,
    certificates             INTEGER NOT NULL,
    ca_bundle                TEXT NOT NULL,
    revocation_lists         TEXT NOT NULL,
    proxy_authorities        TEXT NOT NULL,
    trust_digest             BLOB NOT NULL,
    registers_device_type_id TEXT,
    registers_account_id     TEXT REFERENCES accounts (account_id),
    updated_ms               INTEGER NOT NULL,
    FOREIGN KEY (partner_id, registers_device_type_id) REFERENCES device_types (partner_id, device_type_id)
) STRICT;

-- Keys that the installation has for itself, so that every process has the same ones.
CREATE TABLE installation_keys (
    name       TEXT NOT NULL PRIMARY KEY,
    key        BLOB NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT;
