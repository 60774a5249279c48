-- What the operators of a device type want of its updates, and on what terms each push was made because of that.

-- version_within_ms: with it, a push succeeds only once the device reports the version, within so long after it
-- installed it. maintenance: the windows, as JSON.
ALTER TABLE device_types ADD COLUMN confirmation_required INTEGER NOT NULL DEFAULT 0;
ALTER TABLE device_types ADD COLUMN version_within_ms INTEGER;
ALTER TABLE device_types ADD COLUMN maintenance TEXT;

-- confirmation: NULL where nobody at the device is asked. awaits_version: the device said that it is done.
ALTER TABLE pushes ADD COLUMN confirmation TEXT;
ALTER TABLE pushes ADD COLUMN version_within_ms INTEGER;
ALTER TABLE pushes ADD COLUMN awaits_version INTEGER NOT NULL DEFAULT 0;

-- auto_confirm_ms: since when the device agrees to every push. config_said_ms: when it last said what it is.
ALTER TABLE devices ADD COLUMN auto_confirm_ms INTEGER;
ALTER TABLE devices ADD COLUMN auto_confirm_initiator TEXT;
ALTER TABLE devices ADD COLUMN auto_confirm_remark TEXT;
ALTER TABLE devices ADD COLUMN config_said_ms INTEGER;

-- part: what clients of DDI call such firmware.
ALTER TABLE firmware_types ADD COLUMN part TEXT;
