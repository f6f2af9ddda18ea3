-- Clusters of machines that are reached over SSH. SQLite changes no constraint of a table that is there:
-- new ones take the place of clusters and of their nodes. The nodes move first: dropping the clusters
-- they belong to would remove them.
CREATE TABLE clusters_new (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    base_url TEXT,
    credential_id TEXT,
    description TEXT NOT NULL,
    last_check TEXT,
    created_at BIGINT NOT NULL,
    archived_at BIGINT,
    CONSTRAINT clusters_pk PRIMARY KEY (id),
    CONSTRAINT clusters_kind_known CHECK (kind IN ('this_machine', 'machines', 'endpoint')),
    CONSTRAINT clusters_endpoint_has_url CHECK ((kind = 'endpoint') = (base_url IS NOT NULL)),
    CONSTRAINT clusters_credential_fk FOREIGN KEY (credential_id)
        REFERENCES credentials (id) ON DELETE SET NULL
);
INSERT INTO clusters_new (id, name, kind, base_url, credential_id, description, last_check, created_at,
        archived_at)
    SELECT id, name, kind, base_url, credential_id, description, last_check, created_at, archived_at
    FROM clusters;

-- How a node is reached, NULL without going anywhere, and what the last look at it found; both as JSON.
CREATE TABLE nodes_new (
    id TEXT NOT NULL,
    cluster_id TEXT NOT NULL,
    name TEXT NOT NULL,
    inventory TEXT,
    access TEXT,
    last_check TEXT,
    CONSTRAINT nodes_pk PRIMARY KEY (id),
    CONSTRAINT nodes_name_unique UNIQUE (cluster_id, name),
    CONSTRAINT nodes_cluster_fk FOREIGN KEY (cluster_id)
        REFERENCES clusters_new (id) ON DELETE CASCADE
);
INSERT INTO nodes_new (id, cluster_id, name, inventory)
    SELECT id, cluster_id, name, inventory FROM nodes;

DROP TABLE nodes;
DROP TABLE clusters;
-- References to a renamed table follow its name.
ALTER TABLE clusters_new RENAME TO clusters;
ALTER TABLE nodes_new RENAME TO nodes;
CREATE UNIQUE INDEX clusters_name_unique ON clusters (lower(name));
CREATE INDEX clusters_by_credential ON clusters (credential_id);

-- What machines take. A constraint that belongs to a column goes with it.
ALTER TABLE credentials RENAME COLUMN kind TO old_kind;
ALTER TABLE credentials ADD COLUMN kind TEXT NOT NULL DEFAULT 'provider_key'
    CONSTRAINT credentials_kind_known CHECK (kind IN ('provider_key', 'ssh_key', 'ssh_password'));
UPDATE credentials SET kind = old_kind;
ALTER TABLE credentials DROP COLUMN old_kind;

-- Which installation this is: its mark is on whatever it starts on machines that others may share.
CREATE TABLE installation (
    one BIGINT NOT NULL CONSTRAINT installation_pk PRIMARY KEY CONSTRAINT installation_once CHECK (one = 1),
    id TEXT NOT NULL
);
INSERT INTO installation (one, id)
    SELECT 1, substr(r, 1, 8) || '-' || substr(r, 9, 4) || '-4' || substr(r, 14, 3) || '-a' || substr(r, 18, 3)
        || '-' || substr(r, 21, 12)
    FROM (SELECT lower(hex(randomblob(16))) AS r);

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
