-- Keys of certificates by which this server proves itself to Docker Engines over TLS.
ALTER TABLE credentials DROP CONSTRAINT credentials_kind_known;
ALTER TABLE credentials ADD CONSTRAINT credentials_kind_known
    CHECK (kind IN ('provider_key', 'ssh_key', 'ssh_password', 'registry_login', 'docker_key'));
