-- Keys of certificates by which this server proves itself to Docker Engines over TLS.
-- A constraint that belongs to a column goes with it.
ALTER TABLE credentials RENAME COLUMN kind TO old_kind;
ALTER TABLE credentials ADD COLUMN kind TEXT NOT NULL DEFAULT 'provider_key'
    CONSTRAINT credentials_kind_known
    CHECK (kind IN ('provider_key', 'ssh_key', 'ssh_password', 'registry_login', 'docker_key'));
UPDATE credentials SET kind = old_kind;
ALTER TABLE credentials DROP COLUMN old_kind;
