-- How sessions and accounts come to an end, accounts of programs, and the tokens they come in with.

-- Whose account it is: a person signs in, a service comes with tokens.
ALTER TABLE users ADD COLUMN kind TEXT NOT NULL DEFAULT 'person'
    CONSTRAINT users_kind_known CHECK (kind IN ('person', 'service'));
-- Since when it is disabled; NULL while it is in use.
ALTER TABLE users ADD COLUMN disabled_at BIGINT;
-- Sessions carry the number they began with: when it is raised, they are over.
ALTER TABLE users ADD COLUMN session_stamp BIGINT NOT NULL DEFAULT 0;

-- Demo mode's administrator is nobody who could sign in.
UPDATE users SET kind = 'service' WHERE lower(name) = 'demo';

-- API tokens. The token itself is nowhere: only the SHA-256 of its text, as hexadecimal digits.
CREATE TABLE tokens (
    id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    digest TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    last_used_at BIGINT,
    revoked_at BIGINT,
    CONSTRAINT tokens_pk PRIMARY KEY (id),
    CONSTRAINT tokens_digest_unique UNIQUE (digest),
    CONSTRAINT tokens_digest_is_sha256 CHECK (length(digest) = 64),
    CONSTRAINT tokens_role_known CHECK (role IN ('viewer', 'operator', 'lead', 'administrator')),
    CONSTRAINT tokens_user_fk FOREIGN KEY (user_id) REFERENCES users (id)
);
CREATE INDEX tokens_by_user ON tokens (user_id, created_at);
