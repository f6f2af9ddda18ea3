-- Datasets: imported sets of prompts. The rows themselves are a file named by its digest.
CREATE TABLE datasets (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    format TEXT NOT NULL,
    state TEXT NOT NULL,
    failure TEXT,
    -- The uploaded file, which is not kept.
    file_name TEXT NOT NULL,
    file_sha256 TEXT NOT NULL,
    file_bytes BIGINT NOT NULL,
    read_bytes BIGINT NOT NULL,
    -- The canonical file, once there is one.
    sha256 TEXT,
    bytes BIGINT NOT NULL,
    row_count BIGINT NOT NULL,
    rejected_count BIGINT NOT NULL,
    has_multi_turn BOOLEAN NOT NULL,
    tokenizer TEXT NOT NULL,
    -- As JSON: what pages show of the lengths, and every length with its number of rows.
    input_lengths TEXT,
    output_lengths TEXT,
    input_counts TEXT NOT NULL,
    output_counts TEXT NOT NULL,
    rejections TEXT NOT NULL,
    is_builtin BOOLEAN NOT NULL,
    owner_id TEXT,
    -- The server that imports it, and when it last said how far it is.
    importer TEXT,
    progress_at BIGINT,
    created_at BIGINT NOT NULL,
    archived_at BIGINT,
    -- Name, description and the file's name in lower case.
    search_text TEXT NOT NULL,
    CONSTRAINT datasets_pk PRIMARY KEY (id),
    CONSTRAINT datasets_owner_fk FOREIGN KEY (owner_id) REFERENCES users (id),
    CONSTRAINT datasets_format_known CHECK (format IN ('jsonl', 'sharegpt', 'alpaca', 'csv')),
    CONSTRAINT datasets_state_known CHECK (state IN ('importing', 'ready', 'failed')),
    CONSTRAINT datasets_ready_has_file CHECK ((state = 'ready') = (sha256 IS NOT NULL)),
    CONSTRAINT datasets_failed_says_why CHECK ((state = 'failed') = (failure IS NOT NULL)),
    CONSTRAINT datasets_importing_has_importer CHECK ((state = 'importing') = (importer IS NOT NULL)),
    CONSTRAINT datasets_digest_is_sha256 CHECK (length(sha256) = 64),
    CONSTRAINT datasets_counts_not_negative CHECK (row_count >= 0 AND rejected_count >= 0)
);
-- A failed import leaves its name to the next try.
CREATE UNIQUE INDEX datasets_name_unique ON datasets (lower(name)) WHERE state <> 'failed';
CREATE INDEX datasets_by_digest ON datasets (sha256);
