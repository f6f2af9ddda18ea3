-- The tables of Assay. Both databases have the same ones; only the type of raw bytes and a few
-- indexes differ. Ids are UUIDs as text, instants are microseconds since 1970 in UTC, structured
-- values are JSON as text: nothing in them is ever searched by the database.

-- People who can sign in. Names are unique whatever their case.
CREATE TABLE users (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT users_pk PRIMARY KEY (id),
    CONSTRAINT users_role_known CHECK (role IN ('viewer', 'operator', 'lead', 'administrator'))
);
CREATE UNIQUE INDEX users_name_unique ON users (lower(name));

-- Sessions of browsers; the data are opaque here.
CREATE TABLE sessions (
    id TEXT NOT NULL,
    data BYTEA NOT NULL,
    expires_at BIGINT NOT NULL,
    CONSTRAINT sessions_pk PRIMARY KEY (id)
);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- Models of the catalogue. Benchmarks keep copies in their plans, so a model can go.
CREATE TABLE models (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    served_name TEXT NOT NULL,
    source TEXT NOT NULL,
    tokenizer_path TEXT NOT NULL,
    description TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT models_pk PRIMARY KEY (id)
);
CREATE UNIQUE INDEX models_name_unique ON models (lower(name));

-- Secrets, sealed outside the database: nonce and ciphertext, bound to the row by its id.
CREATE TABLE credentials (
    id TEXT NOT NULL,
    purpose TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT credentials_pk PRIMARY KEY (id)
);

-- Clusters of the catalogue: this machine, or an endpoint with its URL.
CREATE TABLE clusters (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    base_url TEXT,
    credential_id TEXT,
    description TEXT NOT NULL,
    last_check TEXT,
    created_at BIGINT NOT NULL,
    CONSTRAINT clusters_pk PRIMARY KEY (id),
    CONSTRAINT clusters_kind_known CHECK (kind IN ('this_machine', 'endpoint')),
    CONSTRAINT clusters_endpoint_has_url CHECK ((kind = 'endpoint') = (base_url IS NOT NULL)),
    CONSTRAINT clusters_credential_fk FOREIGN KEY (credential_id)
        REFERENCES credentials (id) ON DELETE SET NULL
);
CREATE UNIQUE INDEX clusters_name_unique ON clusters (lower(name));

-- Machines of clusters.
CREATE TABLE nodes (
    id TEXT NOT NULL,
    cluster_id TEXT NOT NULL,
    name TEXT NOT NULL,
    inventory TEXT,
    CONSTRAINT nodes_pk PRIMARY KEY (id),
    CONSTRAINT nodes_name_unique UNIQUE (cluster_id, name),
    CONSTRAINT nodes_cluster_fk FOREIGN KEY (cluster_id) REFERENCES clusters (id) ON DELETE CASCADE
);

-- Benchmarks: what the history shows, sorts and filters by, and where each run stands. The row is
-- kept narrow; plan, journal and result have tables of their own. Names of model and cluster are
-- those of the plan, and neither is a foreign key: the catalogue may change later.
CREATE TABLE benchmarks (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    owner_id TEXT NOT NULL,
    is_sample BOOLEAN NOT NULL,
    is_reference BOOLEAN NOT NULL,
    status TEXT NOT NULL,
    failure TEXT,
    model_id TEXT NOT NULL,
    model_name TEXT NOT NULL,
    engine_name TEXT NOT NULL,
    cluster_id TEXT NOT NULL,
    cluster_name TEXT NOT NULL,
    node_type TEXT NOT NULL,
    vendor TEXT NOT NULL,
    concurrency BIGINT,
    rate_per_s DOUBLE PRECISION,
    output_tok_per_s DOUBLE PRECISION,
    ttft_p50_ms DOUBLE PRECISION,
    tpot_p50_ms DOUBLE PRECISION,
    duration_s DOUBLE PRECISION,
    error_rate DOUBLE PRECISION,
    cancel_requested_by TEXT,
    cancel_requested_at BIGINT,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    ended_at BIGINT,
    updated_at BIGINT NOT NULL,
    -- As JSON, in the order a person gave them; benchmark_tags has the same for searching.
    tags TEXT NOT NULL,
    -- Name, description, tags and id in lower case.
    search_text TEXT NOT NULL,
    CONSTRAINT benchmarks_pk PRIMARY KEY (id),
    CONSTRAINT benchmarks_owner_fk FOREIGN KEY (owner_id) REFERENCES users (id),
    CONSTRAINT benchmarks_status_known CHECK (status IN (
        'queued', 'provisioning', 'warming', 'running', 'collecting', 'cleaning_up',
        'completed', 'failed', 'cancelled')),
    CONSTRAINT benchmarks_node_type_known CHECK (node_type IN ('cpu', 'gpu', 'endpoint')),
    CONSTRAINT benchmarks_error_rate_is_share CHECK (error_rate BETWEEN 0 AND 1)
);
-- One index per sort key and, where values may be missing, one per direction: PostgreSQL reads an
-- index backwards with its missing values first, and pages want them last.
CREATE INDEX benchmarks_by_created ON benchmarks (created_at, id);
CREATE INDEX benchmarks_by_name ON benchmarks (lower(name), created_at, id);
CREATE INDEX benchmarks_by_status ON benchmarks (status, created_at, id);
CREATE INDEX benchmarks_by_model ON benchmarks (lower(model_name), created_at, id);
CREATE INDEX benchmarks_by_cluster ON benchmarks (lower(cluster_name), created_at, id);
CREATE INDEX benchmarks_by_concurrency ON benchmarks (concurrency, created_at, id);
CREATE INDEX benchmarks_by_throughput ON benchmarks (output_tok_per_s, created_at, id);
CREATE INDEX benchmarks_by_ttft ON benchmarks (ttft_p50_ms, created_at, id);
CREATE INDEX benchmarks_by_tpot ON benchmarks (tpot_p50_ms, created_at, id);
CREATE INDEX benchmarks_by_duration ON benchmarks (duration_s, created_at, id);
CREATE INDEX benchmarks_by_error_rate ON benchmarks (error_rate, created_at, id);
CREATE INDEX benchmarks_by_concurrency_down
    ON benchmarks (concurrency DESC NULLS LAST, created_at DESC, id DESC);
CREATE INDEX benchmarks_by_throughput_down
    ON benchmarks (output_tok_per_s DESC NULLS LAST, created_at DESC, id DESC);
CREATE INDEX benchmarks_by_ttft_down
    ON benchmarks (ttft_p50_ms DESC NULLS LAST, created_at DESC, id DESC);
CREATE INDEX benchmarks_by_tpot_down
    ON benchmarks (tpot_p50_ms DESC NULLS LAST, created_at DESC, id DESC);
CREATE INDEX benchmarks_by_duration_down
    ON benchmarks (duration_s DESC NULLS LAST, created_at DESC, id DESC);
CREATE INDEX benchmarks_by_error_rate_down
    ON benchmarks (error_rate DESC NULLS LAST, created_at DESC, id DESC);
-- Filters, and what the filters can choose from.
CREATE INDEX benchmarks_by_model_id ON benchmarks (model_id, model_name);
CREATE INDEX benchmarks_by_cluster_id ON benchmarks (cluster_id, cluster_name);
CREATE INDEX benchmarks_by_updated ON benchmarks (updated_at);
-- The few that are queued or going on.
CREATE INDEX benchmarks_active ON benchmarks (status, created_at, id)
    WHERE status NOT IN ('completed', 'failed', 'cancelled');

-- The confirmed plan of each benchmark. Never updated.
CREATE TABLE benchmark_plans (
    benchmark_id TEXT NOT NULL,
    plan TEXT NOT NULL,
    CONSTRAINT benchmark_plans_pk PRIMARY KEY (benchmark_id),
    CONSTRAINT benchmark_plans_benchmark_fk FOREIGN KEY (benchmark_id)
        REFERENCES benchmarks (id) ON DELETE CASCADE
);

-- Tags in use, with how many benchmarks have each: what a filter can choose from.
CREATE TABLE tags (
    tag TEXT NOT NULL,
    benchmark_count BIGINT NOT NULL,
    CONSTRAINT tags_pk PRIMARY KEY (tag),
    CONSTRAINT tags_count_not_negative CHECK (benchmark_count >= 0)
);
CREATE INDEX tags_by_count ON tags (benchmark_count DESC, tag);

-- The tags of each benchmark, for filtering.
CREATE TABLE benchmark_tags (
    tag TEXT NOT NULL,
    benchmark_id TEXT NOT NULL,
    CONSTRAINT benchmark_tags_pk PRIMARY KEY (tag, benchmark_id),
    CONSTRAINT benchmark_tags_benchmark_fk FOREIGN KEY (benchmark_id)
        REFERENCES benchmarks (id) ON DELETE CASCADE
);
CREATE INDEX benchmark_tags_by_benchmark ON benchmark_tags (benchmark_id);

-- The nodes each benchmark wants. No foreign key to nodes: the catalogue may change later.
CREATE TABLE benchmark_nodes (
    benchmark_id TEXT NOT NULL,
    node_id TEXT NOT NULL,
    CONSTRAINT benchmark_nodes_pk PRIMARY KEY (benchmark_id, node_id),
    CONSTRAINT benchmark_nodes_benchmark_fk FOREIGN KEY (benchmark_id)
        REFERENCES benchmarks (id) ON DELETE CASCADE
);
CREATE INDEX benchmark_nodes_by_node ON benchmark_nodes (node_id);

-- Which runner has a run in its hands, and until when unless it renews.
CREATE TABLE claims (
    benchmark_id TEXT NOT NULL,
    runner TEXT NOT NULL,
    lease_until BIGINT NOT NULL,
    CONSTRAINT claims_pk PRIMARY KEY (benchmark_id),
    CONSTRAINT claims_benchmark_fk FOREIGN KEY (benchmark_id)
        REFERENCES benchmarks (id) ON DELETE CASCADE
);

-- Nodes that a claimed run holds: the primary key lets no two runs have the same node.
CREATE TABLE node_holds (
    node_id TEXT NOT NULL,
    benchmark_id TEXT NOT NULL,
    CONSTRAINT node_holds_pk PRIMARY KEY (node_id),
    CONSTRAINT node_holds_claim_fk FOREIGN KEY (benchmark_id)
        REFERENCES claims (benchmark_id) ON DELETE CASCADE
);
CREATE INDEX node_holds_by_benchmark ON node_holds (benchmark_id);

-- What happened in each run, in order. Live samples are removed when a run has ended.
CREATE TABLE journal_entries (
    benchmark_id TEXT NOT NULL,
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    is_live BOOLEAN NOT NULL,
    event TEXT NOT NULL,
    CONSTRAINT journal_entries_pk PRIMARY KEY (benchmark_id, seq),
    CONSTRAINT journal_entries_seq_from_one CHECK (seq >= 1),
    CONSTRAINT journal_entries_benchmark_fk FOREIGN KEY (benchmark_id)
        REFERENCES benchmarks (id) ON DELETE CASCADE
);

-- Results: figures and manifest, written once and never changed. The raw records are files named
-- by their digest.
CREATE TABLE results (
    benchmark_id TEXT NOT NULL,
    records_sha256 TEXT NOT NULL,
    records_bytes BIGINT NOT NULL,
    summary TEXT NOT NULL,
    manifest TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT results_pk PRIMARY KEY (benchmark_id),
    CONSTRAINT results_digest_is_sha256 CHECK (length(records_sha256) = 64),
    CONSTRAINT results_bytes_not_negative CHECK (records_bytes >= 0),
    CONSTRAINT results_benchmark_fk FOREIGN KEY (benchmark_id)
        REFERENCES benchmarks (id) ON DELETE CASCADE
);

-- Saved wizards. An executed one names the benchmark it made.
CREATE TABLE workflows (
    id TEXT NOT NULL,
    owner_id TEXT NOT NULL,
    draft TEXT NOT NULL,
    revision BIGINT NOT NULL,
    benchmark_id TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    CONSTRAINT workflows_pk PRIMARY KEY (id),
    CONSTRAINT workflows_owner_fk FOREIGN KEY (owner_id) REFERENCES users (id),
    CONSTRAINT workflows_benchmark_fk FOREIGN KEY (benchmark_id)
        REFERENCES benchmarks (id) ON DELETE CASCADE
);
CREATE INDEX workflows_by_owner ON workflows (owner_id, updated_at);
