-- A selftest may be cancelled.
ALTER TABLE selftests DROP CONSTRAINT selftests_state_known;
ALTER TABLE selftests ADD CONSTRAINT selftests_state_known
    CHECK (state IN ('running', 'completed', 'failed', 'cancelled'));
