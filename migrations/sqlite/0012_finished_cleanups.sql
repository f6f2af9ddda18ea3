-- When a clean-up that was pending was done; NULL while it is to be done still. The page of its run tells.
ALTER TABLE pending_cleanups ADD COLUMN finished_at BIGINT;
