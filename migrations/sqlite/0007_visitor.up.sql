-- Visitors of the tenants' pages: the keys that pages carry, how the widget looks there, and the
-- tickets that were used.

-- Public, so kept as they are. Every tenant has one that lives.
CREATE TABLE widget_keys (
    tenant_id BLOB NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id BLOB NOT NULL CHECK (typeof(id) = 'blob' AND length(id) = 16),
    key TEXT NOT NULL UNIQUE CHECK (typeof(key) = 'text' AND length(key) = 35),
    created_us BIGINT NOT NULL CHECK (typeof(created_us) = 'integer' AND created_us > 0),
    ends_us BIGINT CHECK (typeof(ends_us) IN ('integer', 'null')),
    PRIMARY KEY (tenant_id, id)
) WITHOUT ROWID;
INSERT INTO widget_keys (tenant_id, id, key, created_us)
    SELECT id, randomblob(16), 'wk_' || lower(hex(randomblob(16))), updated_us FROM tenants;

-- No row: as a tenant begins.
CREATE TABLE widgets (
    tenant_id BLOB NOT NULL PRIMARY KEY REFERENCES tenants (id) ON DELETE CASCADE,
    origins TEXT NOT NULL CHECK (typeof(origins) = 'text' AND length(origins) <= 8000),
    title TEXT NOT NULL CHECK (typeof(title) = 'text' AND length(title) <= 80),
    greeting TEXT NOT NULL CHECK (typeof(greeting) = 'text' AND length(greeting) <= 500),
    launcher TEXT NOT NULL CHECK (typeof(launcher) = 'text' AND length(launcher) <= 40),
    placeholder TEXT NOT NULL CHECK (typeof(placeholder) = 'text' AND length(placeholder) <= 80),
    color TEXT NOT NULL CHECK (typeof(color) = 'text' AND length(color) = 7),
    position TEXT NOT NULL CHECK (position IN ('right', 'left')),
    language TEXT NOT NULL CHECK (typeof(language) = 'text' AND length(language) <= 35),
    privacy_url TEXT NOT NULL CHECK (typeof(privacy_url) = 'text' AND length(privacy_url) <= 1000),
    updated_us BIGINT NOT NULL CHECK (typeof(updated_us) = 'integer' AND updated_us > 0)
) WITHOUT ROWID;

CREATE TABLE used_tickets (
    tenant_id BLOB NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id BLOB NOT NULL CHECK (typeof(id) = 'blob' AND length(id) = 16),
    expires_us BIGINT NOT NULL CHECK (typeof(expires_us) = 'integer' AND expires_us > 0),
    PRIMARY KEY (tenant_id, id)
) WITHOUT ROWID;
-- Read over all tenants, by the sweeper.
CREATE INDEX used_tickets_by_age ON used_tickets (expires_us);
