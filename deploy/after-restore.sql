-- To be run once on a database that came back from a backup, before the server starts; for SQLite and PostgreSQL.
--
-- A backup cannot know which numbers were given out after it. Given out a second time, a version number would name two
-- images, and devices that run the first would never be offered the second. So every sequence leaps far ahead, also
-- those of firmware types that had none yet.
BEGIN;

WITH RECURSIVE types (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM types WHERE number < 200)
INSERT INTO sequences (name, value) SELECT 'version.' || number, 0 FROM types WHERE TRUE
ON CONFLICT (name) DO NOTHING;

UPDATE sequences SET value = value + 1000000;

-- Devices know a push by its number among theirs.
UPDATE devices SET last_action = last_action + 1000;

COMMIT;
