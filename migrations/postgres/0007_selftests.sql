-- Checks of the load generator of a machine against the reference engine. One at a time on each machine.
CREATE TABLE selftests (
    id TEXT NOT NULL CONSTRAINT selftests_pk PRIMARY KEY,
    host TEXT NOT NULL,
    user_id TEXT NOT NULL CONSTRAINT selftests_user_fk REFERENCES users (id),
    state TEXT NOT NULL
        CONSTRAINT selftests_state_known CHECK (state IN ('running', 'completed', 'failed')),
    reason TEXT NOT NULL DEFAULT '',
    levels TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE UNIQUE INDEX selftests_one_running ON selftests (host) WHERE state = 'running';
CREATE INDEX selftests_by_host ON selftests (host, started_at, id);
CREATE INDEX selftests_by_start ON selftests (started_at, id);
