-- Tenants and their API keys.

-- The next slot; one row. Slots are never given twice, also after a tenant is gone.
CREATE TABLE tenant_slots (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    next BIGINT NOT NULL CHECK (typeof(next) = 'integer' AND next >= 1)
);
INSERT INTO tenant_slots (one, next) VALUES (1, 1);

CREATE TABLE tenants (
    id BLOB NOT NULL PRIMARY KEY CHECK (typeof(id) = 'blob' AND length(id) = 16),
    slot BIGINT NOT NULL UNIQUE CHECK (typeof(slot) = 'integer' AND slot BETWEEN 1 AND 2147483647),
    name TEXT NOT NULL CHECK (typeof(name) = 'text' AND length(name) BETWEEN 1 AND 200),
    status TEXT NOT NULL CHECK (status IN ('active', 'suspended')),
    language TEXT NOT NULL CHECK (typeof(language) = 'text' AND length(language) BETWEEN 2 AND 35),
    time_zone TEXT NOT NULL CHECK (typeof(time_zone) = 'text' AND length(time_zone) BETWEEN 1 AND 64),
    created_us BIGINT NOT NULL CHECK (typeof(created_us) = 'integer' AND created_us > 0),
    updated_us BIGINT NOT NULL CHECK (typeof(updated_us) = 'integer' AND updated_us > 0)
) WITHOUT ROWID;
CREATE INDEX tenants_by_name ON tenants (name, id);

CREATE TABLE api_keys (
    tenant_id BLOB NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id BLOB NOT NULL CHECK (typeof(id) = 'blob' AND length(id) = 16),
    name TEXT NOT NULL CHECK (typeof(name) = 'text' AND length(name) BETWEEN 1 AND 200),
    prefix TEXT NOT NULL CHECK (typeof(prefix) = 'text' AND length(prefix) BETWEEN 8 AND 32),
    last4 TEXT NOT NULL CHECK (typeof(last4) = 'text' AND length(last4) = 4),
    hash TEXT NOT NULL CHECK (typeof(hash) = 'text' AND length(hash) BETWEEN 32 AND 255),
    scopes TEXT NOT NULL CHECK (typeof(scopes) = 'text' AND length(scopes) BETWEEN 1 AND 500),
    created_us BIGINT NOT NULL CHECK (typeof(created_us) = 'integer' AND created_us > 0),
    last_used_us BIGINT CHECK (typeof(last_used_us) IN ('integer', 'null')),
    expires_us BIGINT CHECK (typeof(expires_us) IN ('integer', 'null')),
    revoked_us BIGINT CHECK (typeof(revoked_us) IN ('integer', 'null')),
    PRIMARY KEY (tenant_id, id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX api_keys_by_prefix ON api_keys (prefix);
