-- A selftest may be cancelled. SQLite changes no constraint of a table that is there: a new one takes
-- its place.
CREATE TABLE selftests_new (
    id TEXT NOT NULL CONSTRAINT selftests_pk PRIMARY KEY,
    host TEXT NOT NULL,
    user_id TEXT NOT NULL CONSTRAINT selftests_user_fk REFERENCES users (id),
    state TEXT NOT NULL
        CONSTRAINT selftests_state_known CHECK (state IN ('running', 'completed', 'failed', 'cancelled')),
    reason TEXT NOT NULL DEFAULT '',
    levels TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at BIGINT
);
INSERT INTO selftests_new (id, host, user_id, state, reason, levels, started_at, ended_at)
    SELECT id, host, user_id, state, reason, levels, started_at, ended_at FROM selftests;
DROP TABLE selftests;
ALTER TABLE selftests_new RENAME TO selftests;
CREATE UNIQUE INDEX selftests_one_running ON selftests (host) WHERE state = 'running';
CREATE INDEX selftests_by_host ON selftests (host, started_at, id);
CREATE INDEX selftests_by_start ON selftests (started_at, id);
