-- People who write to a tenant, their conversations and messages.

CREATE TABLE contacts (
    tenant_id BLOB NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id BLOB NOT NULL CHECK (typeof(id) = 'blob' AND length(id) = 16),
    name TEXT NOT NULL CHECK (typeof(name) = 'text' AND length(name) <= 200),
    email TEXT NOT NULL CHECK (typeof(email) = 'text' AND length(email) <= 320),
    phone TEXT NOT NULL CHECK (typeof(phone) = 'text' AND length(phone) <= 40),
    language TEXT NOT NULL CHECK (typeof(language) = 'text' AND length(language) <= 35),
    attributes TEXT NOT NULL CHECK (typeof(attributes) = 'text' AND length(attributes) BETWEEN 2 AND 4096),
    created_us BIGINT NOT NULL CHECK (typeof(created_us) = 'integer' AND created_us > 0),
    updated_us BIGINT NOT NULL CHECK (typeof(updated_us) = 'integer' AND updated_us > 0),
    PRIMARY KEY (tenant_id, id)
) WITHOUT ROWID;

CREATE TABLE contact_identities (
    tenant_id BLOB NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    channel_type TEXT NOT NULL CHECK (channel_type IN ('whatsapp', 'messenger', 'webchat', 'api')),
    external_id TEXT NOT NULL CHECK (typeof(external_id) = 'text' AND length(external_id) BETWEEN 1 AND 255),
    contact_id BLOB NOT NULL CHECK (typeof(contact_id) = 'blob' AND length(contact_id) = 16),
    kind TEXT NOT NULL CHECK (kind IN ('phone', 'bsuid', 'psid', 'visitor', 'user')),
    verified_by TEXT NOT NULL CHECK (verified_by IN ('', 'signature', 'channel', 'key')),
    created_us BIGINT NOT NULL CHECK (typeof(created_us) = 'integer' AND created_us > 0),
    PRIMARY KEY (tenant_id, channel_type, external_id),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX contact_identities_by_contact ON contact_identities (tenant_id, contact_id);

CREATE TABLE conversations (
    tenant_id BLOB NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id BLOB NOT NULL CHECK (typeof(id) = 'blob' AND length(id) = 16),
    channel_type TEXT NOT NULL CHECK (channel_type IN ('whatsapp', 'messenger', 'webchat', 'api')),
    external_id TEXT NOT NULL CHECK (typeof(external_id) = 'text' AND length(external_id) BETWEEN 1 AND 255),
    contact_id BLOB NOT NULL CHECK (typeof(contact_id) = 'blob' AND length(contact_id) = 16),
    status TEXT NOT NULL CHECK (status IN ('active', 'assigned_human', 'closed')),
    assignee_id BLOB CHECK (assignee_id IS NULL OR (typeof(assignee_id) = 'blob' AND length(assignee_id) = 16)),
    language TEXT NOT NULL CHECK (typeof(language) = 'text' AND length(language) <= 35),
    subject TEXT NOT NULL CHECK (typeof(subject) = 'text' AND length(subject) <= 200),
    priority TEXT NOT NULL CHECK (priority IN ('low', 'normal', 'high', 'urgent')),
    unknown_in_row BIGINT NOT NULL CHECK (typeof(unknown_in_row) = 'integer' AND unknown_in_row >= 0),
    snoozed_until_us BIGINT CHECK (typeof(snoozed_until_us) IN ('integer', 'null')),
    waiting_since_us BIGINT CHECK (typeof(waiting_since_us) IN ('integer', 'null')),
    last_message_us BIGINT NOT NULL CHECK (typeof(last_message_us) = 'integer' AND last_message_us > 0),
    created_us BIGINT NOT NULL CHECK (typeof(created_us) = 'integer' AND created_us > 0),
    updated_us BIGINT NOT NULL CHECK (typeof(updated_us) = 'integer' AND updated_us > 0),
    closed_us BIGINT CHECK (typeof(closed_us) IN ('integer', 'null')),
    CHECK ((status = 'closed') = (closed_us IS NOT NULL)),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, channel_type, external_id),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id)
) WITHOUT ROWID;
-- The only index that a message changes. A list over all states is three ranges of it, merged.
CREATE INDEX conversations_by_status ON conversations (tenant_id, status, last_message_us, id);
CREATE INDEX conversations_by_contact ON conversations (tenant_id, contact_id);

CREATE TABLE messages (
    tenant_id BLOB NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id BLOB NOT NULL CHECK (typeof(id) = 'blob' AND length(id) = 16),
    conversation_id BLOB NOT NULL CHECK (typeof(conversation_id) = 'blob' AND length(conversation_id) = 16),
    direction TEXT NOT NULL CHECK (direction IN ('inbound', 'outbound')),
    type TEXT NOT NULL CHECK (type IN ('text', 'image', 'audio', 'video', 'document', 'location')),
    sender TEXT NOT NULL CHECK (sender IN ('customer', 'assistant', 'agent', 'system')),
    content TEXT NOT NULL CHECK (typeof(content) = 'text' AND length(content) <= 100000),
    metadata TEXT NOT NULL CHECK (typeof(metadata) = 'text' AND length(metadata) BETWEEN 2 AND 65536),
    status TEXT NOT NULL CHECK (status IN ('received', 'pending', 'sent', 'delivered', 'read', 'failed')),
    turn_id BLOB CHECK (turn_id IS NULL OR (typeof(turn_id) = 'blob' AND length(turn_id) = 16)),
    created_us BIGINT NOT NULL CHECK (typeof(created_us) = 'integer' AND created_us > 0),
    CHECK ((direction = 'inbound') = (sender = 'customer')),
    CHECK ((direction = 'inbound') = (status = 'received')),
    CHECK (type <> 'text' OR length(content) >= 1),
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX messages_by_conversation ON messages (tenant_id, conversation_id, id);

-- Ids that providers and clients gave to messages: what was seen before is not stored again. No key
-- to messages, for the row is written before the message, and so decides a race.
CREATE TABLE message_keys (
    tenant_id BLOB NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    source TEXT NOT NULL CHECK (typeof(source) = 'text' AND length(source) BETWEEN 1 AND 40),
    key TEXT NOT NULL CHECK (typeof(key) = 'text' AND length(key) BETWEEN 1 AND 255),
    message_id BLOB NOT NULL CHECK (typeof(message_id) = 'blob' AND length(message_id) = 16),
    PRIMARY KEY (tenant_id, source, key)
) WITHOUT ROWID;
