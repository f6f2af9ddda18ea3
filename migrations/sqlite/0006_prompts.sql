-- The datasets each benchmark draws its prompts from, in the order chosen. A dataset that a benchmark
-- has cannot be deleted: its rows belong to the evidence.
CREATE TABLE benchmark_datasets (
    benchmark_id TEXT NOT NULL,
    dataset_id TEXT NOT NULL,
    position BIGINT NOT NULL,
    CONSTRAINT benchmark_datasets_pk PRIMARY KEY (benchmark_id, position),
    CONSTRAINT benchmark_datasets_once UNIQUE (benchmark_id, dataset_id),
    CONSTRAINT benchmark_datasets_position_from_zero CHECK (position >= 0),
    CONSTRAINT benchmark_datasets_benchmark_fk FOREIGN KEY (benchmark_id)
        REFERENCES benchmarks (id) ON DELETE CASCADE,
    CONSTRAINT benchmark_datasets_dataset_fk FOREIGN KEY (dataset_id) REFERENCES datasets (id)
);
CREATE INDEX benchmark_datasets_by_dataset ON benchmark_datasets (dataset_id, benchmark_id);
