-- What a benchmark is for, the runs that repeat each other, and what was archived.
ALTER TABLE benchmarks ADD COLUMN purpose TEXT NOT NULL DEFAULT 'exploratory'
    CONSTRAINT benchmarks_purpose_known CHECK (purpose IN ('exploratory', 'gating'));
-- Runs of one plan share a group and are numbered in it from 1; a run that was never repeated has
-- neither.
ALTER TABLE benchmarks ADD COLUMN rerun_group_id TEXT;
ALTER TABLE benchmarks ADD COLUMN rerun_index BIGINT
    CONSTRAINT benchmarks_rerun_index_from_one CHECK (rerun_index >= 1);
ALTER TABLE benchmarks ADD COLUMN archived_at BIGINT;

CREATE UNIQUE INDEX benchmarks_rerun_unique ON benchmarks (rerun_group_id, rerun_index);
-- Filters, and what the filters can choose from.
CREATE INDEX benchmarks_by_owner_id ON benchmarks (owner_id);
CREATE INDEX benchmarks_archived ON benchmarks (created_at, id) WHERE archived_at IS NOT NULL;
-- Whether another result names the same raw records.
CREATE INDEX results_by_records ON results (records_sha256);

-- The history leaves archived benchmarks out unless asked: its indexes do the same, so that a page is
-- still read from an index alone.
DROP INDEX benchmarks_by_created;
CREATE INDEX benchmarks_by_created ON benchmarks (created_at, id)
    WHERE archived_at IS NULL;
DROP INDEX benchmarks_by_name;
CREATE INDEX benchmarks_by_name ON benchmarks (lower(name), created_at, id)
    WHERE archived_at IS NULL;
DROP INDEX benchmarks_by_status;
CREATE INDEX benchmarks_by_status ON benchmarks (status, created_at, id)
    WHERE archived_at IS NULL;
DROP INDEX benchmarks_by_model;
CREATE INDEX benchmarks_by_model ON benchmarks (lower(model_name), created_at, id)
    WHERE archived_at IS NULL;
DROP INDEX benchmarks_by_cluster;
CREATE INDEX benchmarks_by_cluster ON benchmarks (lower(cluster_name), created_at, id)
    WHERE archived_at IS NULL;
DROP INDEX benchmarks_by_concurrency;
CREATE INDEX benchmarks_by_concurrency ON benchmarks (concurrency, created_at, id)
    WHERE archived_at IS NULL;
DROP INDEX benchmarks_by_throughput;
CREATE INDEX benchmarks_by_throughput ON benchmarks (output_tok_per_s, created_at, id)
    WHERE archived_at IS NULL;
DROP INDEX benchmarks_by_ttft;
CREATE INDEX benchmarks_by_ttft ON benchmarks (ttft_p50_ms, created_at, id)
    WHERE archived_at IS NULL;
DROP INDEX benchmarks_by_tpot;
CREATE INDEX benchmarks_by_tpot ON benchmarks (tpot_p50_ms, created_at, id)
    WHERE archived_at IS NULL;
DROP INDEX benchmarks_by_duration;
CREATE INDEX benchmarks_by_duration ON benchmarks (duration_s, created_at, id)
    WHERE archived_at IS NULL;
DROP INDEX benchmarks_by_error_rate;
CREATE INDEX benchmarks_by_error_rate ON benchmarks (error_rate, created_at, id)
    WHERE archived_at IS NULL;
