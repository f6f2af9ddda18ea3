-- Engines that are kept between the runs of one group: each waits for the next run, or serves the one that
-- holds its node. No foreign keys: it is to be removed whatever became of the runs.
CREATE TABLE warm_engines (
    group_id TEXT NOT NULL,
    node_id TEXT NOT NULL,
    engine TEXT NOT NULL,
    since BIGINT NOT NULL,
    CONSTRAINT warm_engines_pk PRIMARY KEY (group_id, node_id)
);
CREATE INDEX warm_engines_by_node ON warm_engines (node_id);

-- Whether the run's engine had served an earlier run of the group.
ALTER TABLE benchmarks ADD COLUMN is_warm BOOLEAN NOT NULL DEFAULT FALSE;
