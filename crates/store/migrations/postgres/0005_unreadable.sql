-- How often a device said the same in a row.
ALTER TABLE push_history ADD COLUMN times BIGINT NOT NULL DEFAULT 1;

-- What a device sent that could not be read as it was: the last few of each. What only repeats the one before is
-- counted in times. length is how many bytes came, of which body shows the beginning.
CREATE TABLE device_unreadable (
    partner_id TEXT COLLATE "C" NOT NULL,
    device_id  TEXT COLLATE "C" NOT NULL,
    sequence   BIGINT NOT NULL,
    request    TEXT COLLATE "C" NOT NULL,
    outcome    TEXT COLLATE "C" NOT NULL,
    reason     TEXT COLLATE "C" NOT NULL,
    media_type TEXT COLLATE "C",
    body       TEXT COLLATE "C" NOT NULL,
    length     BIGINT NOT NULL,
    times      BIGINT NOT NULL,
    first_ms   BIGINT NOT NULL,
    last_ms    BIGINT NOT NULL,
    PRIMARY KEY (partner_id, device_id, sequence),
    FOREIGN KEY (partner_id, device_id) REFERENCES devices (partner_id, device_id)
);
