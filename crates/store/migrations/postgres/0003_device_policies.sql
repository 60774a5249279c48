-- What the operators of a device type want of its updates, and on what terms each push was made because of that.

-- version_within_ms: with it, a push succeeds only once the device reports the version, within so long after it
-- installed it. maintenance: the windows, as JSON.
ALTER TABLE device_types ADD COLUMN confirmation_required BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE device_types ADD COLUMN version_within_ms BIGINT;
ALTER TABLE device_types ADD COLUMN maintenance TEXT COLLATE "C";

-- confirmation: NULL where nobody at the device is asked. awaits_version: the device said that it is done.
ALTER TABLE pushes ADD COLUMN confirmation TEXT COLLATE "C";
ALTER TABLE pushes ADD COLUMN version_within_ms BIGINT;
ALTER TABLE pushes ADD COLUMN awaits_version BOOLEAN NOT NULL DEFAULT FALSE;

-- auto_confirm_ms: since when the device agrees to every push. config_said_ms: when it last said what it is.
ALTER TABLE devices ADD COLUMN auto_confirm_ms BIGINT;
ALTER TABLE devices ADD COLUMN auto_confirm_initiator TEXT COLLATE "C";
ALTER TABLE devices ADD COLUMN auto_confirm_remark TEXT COLLATE "C";
ALTER TABLE devices ADD COLUMN config_said_ms BIGINT;

-- part: what clients of DDI call such firmware.
ALTER TABLE firmware_types ADD COLUMN part TEXT COLLATE "C";
