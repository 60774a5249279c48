-- How often a device said the same in a row.
ALTER TABLE push_history ADD COLUMN times INTEGER NOT NULL DEFAULT 1;

-- What a device sent that could not be read as it was: the last few of each. What only repeats the one before is
-- counted in times. length is how many bytes came, of which body shows the beginning.
CREATE TABLE device_unreadable (
    partner_id TEXT NOT NULL,
    device_id  TEXT NOT NULL,
    sequence   INTEGER NOT NULL,
    request    TEXT NOT NULL,
    outcome    TEXT NOT NULL,
    reason     TEXT NOT NULL,
    media_type TEXT,
    body       TEXT NOT NULL,
    length     INTEGER NOT NULL,
    times      INTEGER NOT NULL,
    first_ms   INTEGER NOT NULL,
    last_ms    INTEGER NOT NULL,
    PRIMARY KEY (partner_id, device_id, sequence),
    FOREIGN KEY (partner_id, device_id) REFERENCES devices (partner_id, device_id)
) STRICT;
