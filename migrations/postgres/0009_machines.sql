-- Clusters of machines that are reached over SSH.
ALTER TABLE clusters DROP CONSTRAINT clusters_kind_known;
ALTER TABLE clusters ADD CONSTRAINT clusters_kind_known
    CHECK (kind IN ('this_machine', 'machines', 'endpoint'));

-- How a node is reached, NULL without going anywhere, and what the last look at it found; both as JSON.
ALTER TABLE nodes ADD COLUMN access TEXT;
ALTER TABLE nodes ADD COLUMN last_check TEXT;

-- What machines take.
ALTER TABLE credentials DROP CONSTRAINT credentials_kind_known;
ALTER TABLE credentials ADD CONSTRAINT credentials_kind_known
    CHECK (kind IN ('provider_key', 'ssh_key', 'ssh_password'));

-- Which installation this is: its mark is on whatever it starts on machines that others may share.
CREATE TABLE installation (
    one BIGINT NOT NULL CONSTRAINT installation_pk PRIMARY KEY CONSTRAINT installation_once CHECK (one = 1),
    id TEXT NOT NULL
);
INSERT INTO installation (one, id) VALUES (1, gen_random_uuid()::text);

-- What runs may have left on nodes that could not be reached. No foreign keys: it is to be cleaned up
-- whatever became of the benchmark.
CREATE TABLE pending_cleanups (
    benchmark_id TEXT NOT NULL,
    node_id TEXT NOT NULL,
    node_name TEXT NOT NULL,
    reason TEXT NOT NULL,
    since BIGINT NOT NULL,
    last_try_at BIGINT NOT NULL,
    CONSTRAINT pending_cleanups_pk PRIMARY KEY (benchmark_id, node_id)
);
CREATE INDEX pending_cleanups_by_node ON pending_cleanups (node_id);
