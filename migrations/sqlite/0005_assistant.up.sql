-- The assistant: its policy, and the record of every turn.

-- Texts that many turns share, by hash: policies and templates.
CREATE TABLE turn_texts (
    tenant_id BLOB NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    hash TEXT NOT NULL CHECK (typeof(hash) = 'text' AND length(hash) = 64),
    text TEXT NOT NULL CHECK (typeof(text) = 'text' AND length(text) BETWEEN 1 AND 65536),
    PRIMARY KEY (tenant_id, hash)
);

CREATE TABLE policies (
    tenant_id BLOB NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    version BIGINT NOT NULL CHECK (typeof(version) = 'integer' AND version >= 1),
    hash TEXT NOT NULL,
    api_key TEXT NOT NULL CHECK (typeof(api_key) = 'text' AND length(api_key) <= 4096),
    created_us BIGINT NOT NULL CHECK (typeof(created_us) = 'integer' AND created_us > 0),
    PRIMARY KEY (tenant_id, version),
    FOREIGN KEY (tenant_id, hash) REFERENCES turn_texts (tenant_id, hash)
) WITHOUT ROWID;

CREATE TABLE turns (
    tenant_id BLOB NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id BLOB NOT NULL CHECK (typeof(id) = 'blob' AND length(id) = 16),
    conversation_id BLOB NOT NULL CHECK (typeof(conversation_id) = 'blob' AND length(conversation_id) = 16),
    message_id BLOB NOT NULL CHECK (typeof(message_id) = 'blob' AND length(message_id) = 16),
    reply_id BLOB CHECK (reply_id IS NULL OR (typeof(reply_id) = 'blob' AND length(reply_id) = 16)),
    silence TEXT NOT NULL CHECK (typeof(silence) = 'text' AND length(silence) <= 40),
    action TEXT NOT NULL CHECK (action IN ('answer', 'disclaimer', 'review', 'handover')),
    reason TEXT NOT NULL CHECK (typeof(reason) = 'text' AND length(reason) <= 40),
    context_used BIGINT NOT NULL CHECK (context_used IN (0, 1)),
    confidence DOUBLE PRECISION NOT NULL CHECK (confidence BETWEEN 0 AND 1),
    provider TEXT NOT NULL CHECK (typeof(provider) = 'text' AND length(provider) <= 40),
    model TEXT NOT NULL CHECK (typeof(model) = 'text' AND length(model) <= 255),
    provider_request TEXT NOT NULL CHECK (typeof(provider_request) = 'text' AND length(provider_request) <= 255),
    finish_reason TEXT NOT NULL CHECK (typeof(finish_reason) = 'text' AND length(finish_reason) <= 40),
    attempts BIGINT NOT NULL CHECK (typeof(attempts) = 'integer' AND attempts >= 0),
    prompt_tokens BIGINT NOT NULL CHECK (typeof(prompt_tokens) = 'integer' AND prompt_tokens >= -1),
    completion_tokens BIGINT NOT NULL CHECK (typeof(completion_tokens) = 'integer' AND completion_tokens >= -1),
    cost_usd DOUBLE PRECISION CHECK (cost_usd IS NULL OR cost_usd >= 0),
    latency_us BIGINT NOT NULL CHECK (typeof(latency_us) = 'integer' AND latency_us >= 0),
    search_us BIGINT NOT NULL CHECK (typeof(search_us) = 'integer' AND search_us >= 0),
    provider_us BIGINT NOT NULL CHECK (typeof(provider_us) = 'integer' AND provider_us >= 0),
    first_token_us BIGINT NOT NULL CHECK (typeof(first_token_us) = 'integer' AND first_token_us >= 0),
    failure TEXT NOT NULL CHECK (typeof(failure) = 'text' AND length(failure) <= 1000),
    policy_hash TEXT NOT NULL,
    template_hash TEXT NOT NULL CHECK (typeof(template_hash) = 'text' AND length(template_hash) IN (0, 64)),
    prompt_hash TEXT NOT NULL CHECK (typeof(prompt_hash) = 'text' AND length(prompt_hash) IN (0, 64)),
    compose_version BIGINT NOT NULL CHECK (typeof(compose_version) = 'integer' AND compose_version >= 1),
    clock_us BIGINT NOT NULL CHECK (typeof(clock_us) = 'integer' AND clock_us > 0),
    -- JSON: what else the prompt was made of, and what was asked of the model.
    parameters TEXT NOT NULL CHECK (typeof(parameters) = 'text' AND length(parameters) >= 2),
    signals TEXT NOT NULL CHECK (typeof(signals) = 'text' AND length(signals) >= 2),
    citations TEXT NOT NULL CHECK (typeof(citations) = 'text' AND length(citations) >= 2),
    tool_calls TEXT NOT NULL CHECK (typeof(tool_calls) = 'text' AND length(tool_calls) >= 2),
    raw_output TEXT NOT NULL CHECK (typeof(raw_output) = 'text'),
    request_id TEXT NOT NULL CHECK (typeof(request_id) = 'text' AND length(request_id) <= 128),
    attempt BIGINT NOT NULL CHECK (typeof(attempt) = 'integer' AND attempt >= 1),
    created_us BIGINT NOT NULL CHECK (typeof(created_us) = 'integer' AND created_us > 0),
    CHECK ((reply_id IS NULL) = (silence <> '')),
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, policy_hash) REFERENCES turn_texts (tenant_id, hash)
);
CREATE INDEX turns_by_conversation ON turns (tenant_id, conversation_id, id);

-- Which turn covers an inbound message: exactly one.
CREATE TABLE turn_messages (
    tenant_id BLOB NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    message_id BLOB NOT NULL CHECK (typeof(message_id) = 'blob' AND length(message_id) = 16),
    turn_id BLOB NOT NULL CHECK (typeof(turn_id) = 'blob' AND length(turn_id) = 16),
    PRIMARY KEY (tenant_id, message_id),
    FOREIGN KEY (tenant_id, message_id) REFERENCES messages (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, turn_id) REFERENCES turns (tenant_id, id) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX turn_messages_by_turn ON turn_messages (tenant_id, turn_id);

-- What the prompt quoted. No key to documents: the record outlives them.
CREATE TABLE turn_passages (
    tenant_id BLOB NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    turn_id BLOB NOT NULL CHECK (typeof(turn_id) = 'blob' AND length(turn_id) = 16),
    number BIGINT NOT NULL CHECK (typeof(number) = 'integer' AND number >= 1),
    document_id BLOB NOT NULL CHECK (typeof(document_id) = 'blob' AND length(document_id) = 16),
    document_name TEXT NOT NULL CHECK (typeof(document_name) = 'text'),
    version BIGINT NOT NULL CHECK (typeof(version) = 'integer' AND version >= 1),
    chunk_id BLOB NOT NULL CHECK (typeof(chunk_id) = 'blob' AND length(chunk_id) = 16),
    heading TEXT NOT NULL CHECK (typeof(heading) = 'text'),
    start_byte BIGINT NOT NULL CHECK (typeof(start_byte) = 'integer' AND start_byte >= 0),
    end_byte BIGINT NOT NULL CHECK (typeof(end_byte) = 'integer' AND end_byte > start_byte),
    hash TEXT NOT NULL CHECK (typeof(hash) = 'text' AND length(hash) = 64),
    score DOUBLE PRECISION NOT NULL,
    coverage DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (tenant_id, turn_id, number),
    FOREIGN KEY (tenant_id, turn_id) REFERENCES turns (tenant_id, id) ON DELETE CASCADE
) WITHOUT ROWID;
