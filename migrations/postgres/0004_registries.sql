-- Registries: what is put away instead of deleted, what models' files say, and credentials that
-- stand by themselves, each bound to the address it was given for.
ALTER TABLE models ADD COLUMN facts TEXT;
ALTER TABLE models ADD COLUMN archived_at BIGINT;
ALTER TABLE clusters ADD COLUMN archived_at BIGINT;
CREATE INDEX clusters_by_credential ON clusters (credential_id);

-- A credential without a name is the own key of the one endpoint that refers to it.
ALTER TABLE credentials ADD COLUMN name TEXT;
ALTER TABLE credentials ADD COLUMN kind TEXT NOT NULL DEFAULT 'provider_key'
    CONSTRAINT credentials_kind_known CHECK (kind IN ('provider_key'));
ALTER TABLE credentials ADD COLUMN base_url TEXT NOT NULL DEFAULT '';
ALTER TABLE credentials ADD COLUMN description TEXT NOT NULL DEFAULT '';
ALTER TABLE credentials ADD COLUMN rotated_at BIGINT;
ALTER TABLE credentials ADD COLUMN last_test TEXT;
ALTER TABLE credentials ADD COLUMN archived_at BIGINT;
ALTER TABLE credentials DROP COLUMN purpose;
CREATE UNIQUE INDEX credentials_name_unique ON credentials (lower(name));

-- Keys that nothing refers to could never be sent again.
DELETE FROM credentials
    WHERE NOT EXISTS (SELECT 1 FROM clusters WHERE clusters.credential_id = credentials.id);
UPDATE credentials SET base_url = (
    SELECT min(clusters.base_url) FROM clusters WHERE clusters.credential_id = credentials.id);

-- What a benchmark sends, for the question who uses a credential. No foreign key, as for models.
ALTER TABLE benchmarks ADD COLUMN credential_id TEXT;
UPDATE benchmarks SET credential_id = (
    SELECT plan::json -> 'deployment' ->> 'credential_id' FROM benchmark_plans
    WHERE benchmark_plans.benchmark_id = benchmarks.id);
CREATE INDEX benchmarks_by_credential ON benchmarks (credential_id) WHERE credential_id IS NOT NULL;
