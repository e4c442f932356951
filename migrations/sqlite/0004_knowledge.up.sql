-- Documents, their versions and texts, the passages that are searched, and the statistics that
-- scores rest on.

CREATE TABLE documents (
    tenant_id BLOB NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id BLOB NOT NULL CHECK (typeof(id) = 'blob' AND length(id) = 16),
    name TEXT NOT NULL CHECK (typeof(name) = 'text' AND length(name) BETWEEN 1 AND 255),
    folded_name TEXT NOT NULL CHECK (typeof(folded_name) = 'text'),
    status TEXT NOT NULL CHECK (status IN ('pending', 'processing', 'ready', 'failed', 'stale')),
    version BIGINT NOT NULL CHECK (typeof(version) = 'integer' AND version >= 1),
    current BIGINT NOT NULL CHECK (typeof(current) = 'integer' AND current BETWEEN 0 AND version),
    size BIGINT NOT NULL CHECK (typeof(size) = 'integer' AND size >= 1),
    mime_type TEXT NOT NULL CHECK (typeof(mime_type) = 'text' AND length(mime_type) BETWEEN 1 AND 255),
    chunks BIGINT NOT NULL CHECK (typeof(chunks) = 'integer' AND chunks >= 0),
    error TEXT NOT NULL CHECK (typeof(error) = 'text' AND length(error) <= 500),
    language TEXT NOT NULL CHECK (typeof(language) = 'text' AND length(language) <= 35),
    metadata TEXT NOT NULL CHECK (typeof(metadata) = 'text' AND length(metadata) BETWEEN 2 AND 16384),
    deleted_us BIGINT CHECK (typeof(deleted_us) IN ('integer', 'null')),
    created_us BIGINT NOT NULL CHECK (typeof(created_us) = 'integer' AND created_us > 0),
    updated_us BIGINT NOT NULL CHECK (typeof(updated_us) = 'integer' AND updated_us > 0),
    CHECK (status <> 'ready' OR current >= 1),
    PRIMARY KEY (tenant_id, id)
) WITHOUT ROWID;
CREATE INDEX documents_by_age ON documents (tenant_id, created_us, id) WHERE deleted_us IS NULL;
-- Read over all tenants, by the sweeper.
CREATE INDEX documents_unfinished ON documents (updated_us)
    WHERE status IN ('pending', 'processing') OR deleted_us IS NOT NULL;

CREATE TABLE document_versions (
    tenant_id BLOB NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    document_id BLOB NOT NULL CHECK (typeof(document_id) = 'blob' AND length(document_id) = 16),
    version BIGINT NOT NULL CHECK (typeof(version) = 'integer' AND version >= 1),
    size BIGINT NOT NULL CHECK (typeof(size) = 'integer' AND size >= 1),
    mime_type TEXT NOT NULL CHECK (typeof(mime_type) = 'text' AND length(mime_type) BETWEEN 1 AND 255),
    sha256 BLOB NOT NULL CHECK (typeof(sha256) = 'blob' AND length(sha256) = 32),
    status TEXT NOT NULL CHECK (status IN ('pending', 'ready', 'failed')),
    error TEXT NOT NULL CHECK (typeof(error) = 'text' AND length(error) <= 500),
    text_bytes BIGINT NOT NULL CHECK (typeof(text_bytes) = 'integer' AND text_bytes >= 0),
    created_us BIGINT NOT NULL CHECK (typeof(created_us) = 'integer' AND created_us > 0),
    PRIMARY KEY (tenant_id, document_id, version),
    FOREIGN KEY (tenant_id, document_id) REFERENCES documents (tenant_id, id) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX document_versions_by_content ON document_versions (tenant_id, sha256);

-- The extracted text of a version, in pieces of 65,536 bytes (the last is shorter): a piece may end
-- within a code point.
CREATE TABLE document_texts (
    tenant_id BLOB NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    document_id BLOB NOT NULL,
    version BIGINT NOT NULL,
    piece BIGINT NOT NULL CHECK (typeof(piece) = 'integer' AND piece >= 0),
    bytes BLOB NOT NULL CHECK (typeof(bytes) = 'blob' AND length(bytes) BETWEEN 1 AND 65536),
    PRIMARY KEY (tenant_id, document_id, version, piece),
    FOREIGN KEY (tenant_id, document_id, version)
        REFERENCES document_versions (tenant_id, document_id, version) ON DELETE CASCADE
);

-- Files that uploads brought, and when last: a file without a version goes some time after.
CREATE TABLE document_files (
    tenant_id BLOB NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    sha256 BLOB NOT NULL CHECK (typeof(sha256) = 'blob' AND length(sha256) = 32),
    used_us BIGINT NOT NULL CHECK (typeof(used_us) = 'integer' AND used_us > 0),
    PRIMARY KEY (tenant_id, sha256)
) WITHOUT ROWID;

-- fts: the tenant's slot << 32 | a number from text_counters. The three columns of terms are what
-- the index holds; whoever writes a row writes both (triggers may not: the schema is not trusted).
CREATE TABLE chunks (
    fts INTEGER PRIMARY KEY,
    tenant_id BLOB NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id BLOB NOT NULL CHECK (typeof(id) = 'blob' AND length(id) = 16),
    document_id BLOB NOT NULL CHECK (typeof(document_id) = 'blob' AND length(document_id) = 16),
    version BIGINT NOT NULL CHECK (typeof(version) = 'integer' AND version >= 1),
    position BIGINT NOT NULL CHECK (typeof(position) = 'integer' AND position >= 0),
    start_at BIGINT NOT NULL CHECK (typeof(start_at) = 'integer' AND start_at >= 0),
    end_at BIGINT NOT NULL CHECK (typeof(end_at) = 'integer' AND end_at > start_at),
    heading TEXT NOT NULL CHECK (typeof(heading) = 'text'),
    language TEXT NOT NULL CHECK (typeof(language) = 'text' AND length(language) BETWEEN 2 AND 35),
    text TEXT NOT NULL CHECK (typeof(text) = 'text' AND length(text) >= 1),
    title_terms TEXT NOT NULL CHECK (typeof(title_terms) = 'text'),
    heading_terms TEXT NOT NULL CHECK (typeof(heading_terms) = 'text'),
    body_terms TEXT NOT NULL CHECK (typeof(body_terms) = 'text'),
    embedding_model TEXT NOT NULL DEFAULT 'mxbai-embed-large' CHECK (length(embedding_model) BETWEEN 1 AND 255),
    embedding_version BIGINT NOT NULL DEFAULT 1 CHECK (typeof(embedding_version) = 'integer' AND embedding_version >= 1),
    UNIQUE (tenant_id, id),
    UNIQUE (tenant_id, document_id, version, position),
    FOREIGN KEY (tenant_id, document_id, version)
        REFERENCES document_versions (tenant_id, document_id, version) ON DELETE CASCADE
);

CREATE VIRTUAL TABLE chunks_fts USING fts5 (
    title_terms, heading_terms, body_terms,
    content = 'chunks', content_rowid = 'fts', tokenize = 'ascii tokenchars _'
);
CREATE TABLE text_counters (
    tenant_id BLOB NOT NULL PRIMARY KEY REFERENCES tenants (id) ON DELETE CASCADE,
    next BIGINT NOT NULL CHECK (typeof(next) = 'integer' AND next BETWEEN 1 AND 4294967296)
) WITHOUT ROWID;

-- Of the rows in chunks: in how many a term stands, and how long they are by language.
CREATE TABLE term_df (
    tenant_id BLOB NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    term TEXT NOT NULL CHECK (typeof(term) = 'text' AND length(term) >= 1),
    df BIGINT NOT NULL CHECK (typeof(df) = 'integer' AND df >= 0),
    PRIMARY KEY (tenant_id, term)
) WITHOUT ROWID;
CREATE TABLE text_totals (
    tenant_id BLOB NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    language TEXT NOT NULL CHECK (typeof(language) = 'text' AND length(language) BETWEEN 2 AND 35),
    chunks BIGINT NOT NULL CHECK (typeof(chunks) = 'integer' AND chunks >= 0),
    title_len BIGINT NOT NULL CHECK (typeof(title_len) = 'integer' AND title_len >= 0),
    heading_len BIGINT NOT NULL CHECK (typeof(heading_len) = 'integer' AND heading_len >= 0),
    body_len BIGINT NOT NULL CHECK (typeof(body_len) = 'integer' AND body_len >= 0),
    PRIMARY KEY (tenant_id, language)
) WITHOUT ROWID;
