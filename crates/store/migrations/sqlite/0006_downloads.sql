-- How often the device began to download what a push delivers, where its dialect leaves all else to be inferred.
ALTER TABLE pushes ADD COLUMN downloads INTEGER NOT NULL DEFAULT 0;
