-- Logins of registries for images: a user, in clear, beside the sealed password.
ALTER TABLE credentials DROP CONSTRAINT credentials_kind_known;
ALTER TABLE credentials ADD CONSTRAINT credentials_kind_known
    CHECK (kind IN ('provider_key', 'ssh_key', 'ssh_password', 'registry_login'));
ALTER TABLE credentials ADD COLUMN user_name TEXT NOT NULL DEFAULT '';
