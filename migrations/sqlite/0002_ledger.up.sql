-- What happened (events), what is to be done (jobs), what was asked before (idempotency keys), and
-- when recurring jobs ran.

CREATE TABLE event_numbers (
    tenant_id BLOB NOT NULL PRIMARY KEY REFERENCES tenants (id) ON DELETE CASCADE,
    last BIGINT NOT NULL CHECK (typeof(last) = 'integer' AND last >= 1)
) WITHOUT ROWID;

-- With row ids, like everything here whose rows are long: they are appended, and the indexes stay
-- small.
CREATE TABLE events (
    tenant_id BLOB NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    seq BIGINT NOT NULL CHECK (typeof(seq) = 'integer' AND seq >= 1),
    type TEXT NOT NULL CHECK (typeof(type) = 'text' AND length(type) BETWEEN 1 AND 64),
    conversation_id BLOB CHECK (conversation_id IS NULL OR (typeof(conversation_id) = 'blob' AND length(conversation_id) = 16)),
    payload TEXT NOT NULL CHECK (typeof(payload) = 'text' AND length(payload) >= 2),
    created_us BIGINT NOT NULL CHECK (typeof(created_us) = 'integer' AND created_us > 0),
    PRIMARY KEY (tenant_id, seq)
);
CREATE INDEX events_by_type ON events (tenant_id, type, seq);

CREATE TABLE jobs (
    tenant_id BLOB NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id BLOB NOT NULL CHECK (typeof(id) = 'blob' AND length(id) = 16),
    kind TEXT NOT NULL CHECK (typeof(kind) = 'text' AND length(kind) BETWEEN 1 AND 64),
    lane BLOB NOT NULL CHECK (typeof(lane) = 'blob' AND length(lane) = 16),
    payload TEXT NOT NULL CHECK (typeof(payload) = 'text' AND length(payload) >= 2),
    request_id TEXT NOT NULL CHECK (typeof(request_id) = 'text' AND length(request_id) <= 128),
    state TEXT NOT NULL CHECK (state IN ('pending', 'running', 'dead')),
    attempt BIGINT NOT NULL CHECK (typeof(attempt) = 'integer' AND attempt >= 0),
    failures BIGINT NOT NULL CHECK (typeof(failures) = 'integer' AND failures >= 0),
    due_us BIGINT NOT NULL CHECK (typeof(due_us) = 'integer' AND due_us >= 0),
    owner TEXT CHECK (owner IS NULL OR (typeof(owner) = 'text' AND length(owner) BETWEEN 1 AND 128)),
    lease_us BIGINT CHECK (typeof(lease_us) IN ('integer', 'null')),
    why TEXT NOT NULL CHECK (typeof(why) = 'text' AND length(why) <= 500),
    created_us BIGINT NOT NULL CHECK (typeof(created_us) = 'integer' AND created_us > 0),
    updated_us BIGINT NOT NULL CHECK (typeof(updated_us) = 'integer' AND updated_us > 0),
    CHECK ((state = 'running') = (owner IS NOT NULL)),
    CHECK ((state = 'running') = (lease_us IS NOT NULL)),
    PRIMARY KEY (tenant_id, id)
) WITHOUT ROWID;
-- One running job a lane, one pending job a lane and kind.
CREATE UNIQUE INDEX jobs_running ON jobs (tenant_id, lane) WHERE state = 'running';
CREATE UNIQUE INDEX jobs_pending ON jobs (tenant_id, lane, kind) WHERE state = 'pending';
-- Read over all tenants, by those who claim and by the operator.
CREATE INDEX jobs_due ON jobs (due_us, id) WHERE state = 'pending';
CREATE INDEX jobs_dead ON jobs (updated_us, id) WHERE state = 'dead';

CREATE TABLE idempotency_keys (
    tenant_id BLOB NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    key TEXT NOT NULL CHECK (typeof(key) = 'text' AND length(key) BETWEEN 1 AND 255),
    route TEXT NOT NULL CHECK (typeof(route) = 'text' AND length(route) BETWEEN 1 AND 200),
    body_hash BLOB NOT NULL CHECK (typeof(body_hash) = 'blob' AND length(body_hash) = 32),
    resource_id BLOB NOT NULL CHECK (typeof(resource_id) = 'blob' AND length(resource_id) = 16),
    created_us BIGINT NOT NULL CHECK (typeof(created_us) = 'integer' AND created_us > 0),
    PRIMARY KEY (tenant_id, key)
) WITHOUT ROWID;
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_us);

CREATE TABLE cron_runs (
    name TEXT NOT NULL PRIMARY KEY CHECK (typeof(name) = 'text' AND length(name) BETWEEN 1 AND 64),
    due_us BIGINT NOT NULL CHECK (typeof(due_us) = 'integer' AND due_us >= 0),
    started_us BIGINT CHECK (typeof(started_us) IN ('integer', 'null')),
    ended_us BIGINT CHECK (typeof(ended_us) IN ('integer', 'null')),
    result TEXT NOT NULL CHECK (typeof(result) = 'text' AND length(result) <= 200),
    count BIGINT NOT NULL CHECK (typeof(count) = 'integer' AND count >= 0)
) WITHOUT ROWID;
