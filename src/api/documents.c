/* Documents: upload (multipart or JSON), read, change, replace, delete. One upload pipeline behind
 * all of it. */
#include "api/app.h"
#include "base/conf.h"
#include "domain/knowledge/document.h"
#include "domain/ledger/event.h"
#include "domain/ledger/idempotency.h"

enum { MAX_METADATA = 64 * 1024 }; /* bytes of the part named metadata */

struct metadata_view {
    struct str title, sourceUrl, author, category, language, tags;
    bool has_title, has_sourceUrl, has_author, has_category, has_language, has_tags;
};

static const struct field metadata_fields[] = {
    FIELD_STR(struct metadata_view, title, .max = 200, FIELD_HAS(struct metadata_view, has_title)),
    FIELD_STR(struct metadata_view, sourceUrl, .max = 1000,
              FIELD_HAS(struct metadata_view, has_sourceUrl)),
    FIELD_STR(struct metadata_view, author, .max = 200,
              FIELD_HAS(struct metadata_view, has_author)),
    FIELD_STR(struct metadata_view, category, .max = 100,
              FIELD_HAS(struct metadata_view, has_category)),
    FIELD_STR(struct metadata_view, language, .max = 2,
              FIELD_HAS(struct metadata_view, has_language)),
    FIELD_STR(struct metadata_view, tags, .max = 500, FIELD_HAS(struct metadata_view, has_tags)),
    FIELD_END,
};

struct document_view {
    struct uuid id;
    struct str name, status, mimeType, error, language, metadata;
    int64_t version, currentVersion, size, chunks, createdAt, updatedAt;
};

static const struct field document_fields[] = {
    FIELD_ID(struct document_view, id, .required = true),
    FIELD_STR(struct document_view, name, .required = true),
    FIELD_STR(struct document_view, status, .required = true, .one_of = DOCUMENT_STATES),
    FIELD_INT(struct document_view, version, .required = true),
    FIELD_INT(struct document_view, currentVersion, .required = true,
              .doc = "The version that is searched; 0: none yet."),
    FIELD_INT(struct document_view, size, .required = true),
    FIELD_STR(struct document_view, mimeType, .required = true),
    FIELD_INT(struct document_view, chunks, .required = true),
    FIELD_STR(struct document_view, language),
    FIELD_STR(struct document_view, error, .omit_empty = true),
    FIELD_JSON(struct document_view, metadata),
    FIELD_TIME(struct document_view, createdAt, .required = true),
    FIELD_TIME(struct document_view, updatedAt, .required = true),
    FIELD_END,
};

static struct document_view view(const struct document *d)
{
    return (struct document_view){
        .id = d->id.v,
        .name = d->name,
        .status = d->status,
        .mimeType = d->mime_type,
        .error = d->error,
        .language = d->language,
        .metadata = d->metadata,
        .version = d->version,
        .currentVersion = d->current,
        .size = d->size,
        .chunks = d->chunks,
        .createdAt = d->created_us,
        .updatedAt = d->updated_us,
    };
}

static enum err reply_one(struct req *r, int status, const struct document *d)
{
    const struct document_view v = view(d);
    return req_reply(r, status, &v);
}

struct list_query {
    struct str status, q;
};

static const struct field list_fields[] = {
    FIELD_STR(struct list_query, status, .one_of = DOCUMENT_STATES),
    FIELD_STR(struct list_query, q, .max = 200, .doc = "Part of the name."),
    FIELD_END,
};

static enum err documents_get(struct req *r)
{
    const struct list_query *q = r->query;
    struct document_filter f = {.status = q->status, .q = q->q, .limit = (size_t)r->limit + 1};
    struct document *rows = NULL;
    size_t n = 0;
    TRY(req_cursor(r, &f.has_before, &f.before_us, &f.before_id));
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_read(&r->cx, &tx));
    TRY(document_list(tx, &f, &rows, &n));
    TRY(db_commit(tx));
    struct str next = {};
    if (req_cut_page(r, &n)) {
        next = req_make_cursor(r, rows[n - 1].created_us, rows[n - 1].id.v);
    }
    struct document_view *views = arena_many(r->cx.arena, struct document_view, n);
    for (size_t i = 0; i < n; i++) {
        views[i] = view(&rows[i]);
    }
    return req_reply_list(r, (struct list){views, n}, next);
}

struct document_body {
    struct str name, text, mimeType;
    struct metadata_view metadata;
};

static const struct field document_body_fields[] = {
    FIELD_STR(struct document_body, name, .required = true, .min = 1, .max = 255),
    FIELD_STR(struct document_body, text, .required = true, .max = 104857600),
    FIELD_STR(struct document_body, mimeType, .max = 100,
              .doc = "text/plain, text/markdown or text/html; without it, by name and content."),
    FIELD_OBJ(struct document_body, metadata, .fields = metadata_fields),
    FIELD_END,
};

static void take_metadata(const struct metadata_view *m, struct document_in *ret)
{
    ret->title = m->title;
    ret->source_url = m->sourceUrl;
    ret->author = m->author;
    ret->category = m->category;
    ret->language = m->language;
    ret->tags = m->tags;
}

/* One part named "file"; an optional part named "metadata" holds the JSON object. */
static enum err from_parts(struct req *r, struct document_in *ret)
{
    struct cx *cx = &r->cx;
    bool has_file = false;
    for (size_t i = 0; i < r->part_count; i++) {
        const struct part *p = &r->parts[i];
        if (str_is(p->name, "file") && !has_file) {
            has_file = true;
            ret->name = p->filename;
            ret->mime_type = p->content_type;
            ret->bytes = p->data;
        } else if (str_is(p->name, "metadata")) {
            json_t *tree = NULL;
            struct metadata_view m = {};
            struct str text;
            TRY(req_part_text(r, p, MAX_METADATA, &text));
            TRY(json_parse(cx, text, &tree));
            TRY(field_decode(cx, metadata_fields, tree, &m));
            take_metadata(&m, ret);
        } else {
            return cx_fail_field(cx, has_file && str_is(p->name, "file") ? "file" : "form",
                                 "takes one part named file and one named metadata");
        }
    }
    return has_file ? ERR_OK : cx_fail_field(cx, "file", "is missing");
}

static enum err read_upload(struct req *r, struct document_in *ret)
{
    const struct document_body *in = r->body;
    if (!in) {
        return from_parts(r, ret);
    }
    *ret = (struct document_in){
        .name = in->name, .mime_type = in->mimeType, .bytes = extent_of(in->text)};
    take_metadata(&in->metadata, ret);
    return ERR_OK;
}

static enum err store(struct req *r, const struct document_upload *up, struct document_id replace,
                      struct document *ret)
{
    const struct idempotency idem = req_idempotency(r);
    bool seen = false;
    struct uuid first;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(&r->cx, &tx));
    TRY(idempotency_find(tx, &idem, &seen, &first));
    if (seen) {
        TRY(document_get(tx, (struct document_id){first}, ret));
        return db_commit(tx);
    }
    TRY(document_store(tx, up, replace, ret));
    TRY(idempotency_store(tx, &idem, ret->id.v));
    TRY(event_flush(tx, NULL));
    return db_commit(tx);
}

static enum err upload(struct req *r, struct document_id replace, int status)
{
    struct document_in in = {};
    struct document_upload up;
    struct document d;
    TRY(read_upload(r, &in));
    TRY(document_receive(&r->cx, app_of(r)->blobs, &in, &up));
    TRY(store(r, &up, replace, &d));
    return reply_one(r, status, &d);
}

static enum err document_post(struct req *r)
{
    return upload(r, (struct document_id){}, 201);
}

static enum err find_document(struct req *r, struct document *ret)
{
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_read(&r->cx, &tx));
    TRY(document_get(tx, (struct document_id){req_id(r, 0)}, ret));
    return db_commit(tx);
}

/* Looked for before the bytes are kept: nothing is stored for a document that is not there. */
static enum err content_put(struct req *r)
{
    struct document d;
    TRY(find_document(r, &d));
    return upload(r, d.id, 200);
}

static enum err document_get_one(struct req *r)
{
    struct document d;
    TRY(find_document(r, &d));
    return reply_one(r, 200, &d);
}

struct patch_body {
    struct str name, status, reason;
    bool has_name, has_status, has_reason;
    struct metadata_view metadata;
};

static const struct field patch_fields[] = {
    FIELD_STR(struct patch_body, name, .min = 1, .max = 255,
              FIELD_HAS(struct patch_body, has_name)),
    FIELD_STR(struct patch_body, status, .one_of = "stale",
              FIELD_HAS(struct patch_body, has_status),
              .doc = "Marks the document as out of date."),
    FIELD_STR(struct patch_body, reason, .max = 200, FIELD_HAS(struct patch_body, has_reason)),
    FIELD_OBJ(struct patch_body, metadata, .fields = metadata_fields),
    FIELD_END,
};

static enum err document_patch(struct req *r)
{
    const struct patch_body *in = r->body;
    const struct metadata_view *m = &in->metadata;
    const struct document_change change = {
        .name = in->name,
        .status = in->status,
        .reason = in->reason,
        .title = m->title,
        .source_url = m->sourceUrl,
        .author = m->author,
        .category = m->category,
        .language = m->language,
        .tags = m->tags,
        .has_name = in->has_name,
        .has_status = in->has_status,
        .has_reason = in->has_reason,
        .has_title = m->has_title,
        .has_source_url = m->has_sourceUrl,
        .has_author = m->has_author,
        .has_category = m->has_category,
        .has_language = m->has_language,
        .has_tags = m->has_tags,
    };
    struct document d;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(&r->cx, &tx));
    TRY(document_update(tx, (struct document_id){req_id(r, 0)}, &change, &d));
    TRY(event_flush(tx, NULL));
    TRY(db_commit(tx));
    return reply_one(r, 200, &d);
}

static enum err document_delete_one(struct req *r)
{
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(&r->cx, &tx));
    TRY(document_delete(tx, (struct document_id){req_id(r, 0)}));
    TRY(event_flush(tx, NULL));
    TRY(db_commit(tx));
    return req_reply(r, 204, NULL);
}

static enum err reprocess_post(struct req *r)
{
    struct document d;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(&r->cx, &tx));
    TRY(document_reprocess(tx, (struct document_id){req_id(r, 0)}, &d));
    TRY(event_flush(tx, NULL));
    TRY(db_commit(tx));
    return reply_one(r, 202, &d);
}

static enum err content_get(struct req *r)
{
    struct extent bytes;
    struct str mime;
    struct str name;
    TRY(document_content(&r->cx, app_of(r)->blobs, (struct document_id){req_id(r, 0)}, &bytes,
                         &mime, &name));
    /* Never shown as a page of ours: what a tenant uploaded is data. */
    req_header(r, "Content-Disposition", STR("attachment"));
    return req_reply_file(r, 200, "application/octet-stream", bytes);
}

struct version_view {
    int64_t version, size, createdAt;
    struct str mimeType, sha256, status, error;
};

static const struct field version_fields[] = {
    FIELD_INT(struct version_view, version, .required = true),
    FIELD_INT(struct version_view, size, .required = true),
    FIELD_STR(struct version_view, mimeType, .required = true),
    FIELD_STR(struct version_view, sha256, .required = true),
    FIELD_STR(struct version_view, status, .required = true, .one_of = "pending|ready|failed"),
    FIELD_STR(struct version_view, error, .omit_empty = true),
    FIELD_TIME(struct version_view, createdAt, .required = true),
    FIELD_END,
};

static enum err versions_get(struct req *r)
{
    struct document_version *rows = NULL;
    size_t n = 0;
    bool has = false;
    int64_t below = 0;
    struct uuid none;
    TRY(req_cursor(r, &has, &below, &none));
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_read(&r->cx, &tx));
    TRY(document_versions(tx, (struct document_id){req_id(r, 0)}, has ? below : 0,
                          (size_t)r->limit + 1, &rows, &n));
    TRY(db_commit(tx));
    struct str next = {};
    if (req_cut_page(r, &n)) {
        next = req_make_cursor(r, rows[n - 1].version, (struct uuid){});
    }
    struct version_view *views = arena_many(r->cx.arena, struct version_view, n);
    for (size_t i = 0; i < n; i++) {
        const struct document_version *v = &rows[i];
        views[i] = (struct version_view){v->version, v->size,   v->created_us, v->mime_type,
                                         v->sha256,  v->status, v->error};
    }
    return req_reply_list(r, (struct list){views, n}, next);
}

struct chunk_view {
    struct uuid id;
    int64_t version, position, start, end;
    struct str heading, language, text;
};

static const struct field chunk_fields[] = {
    FIELD_ID(struct chunk_view, id, .required = true),
    FIELD_INT(struct chunk_view, version, .required = true),
    FIELD_INT(struct chunk_view, position, .required = true),
    FIELD_INT(struct chunk_view, start, .required = true),
    FIELD_INT(struct chunk_view, end, .required = true),
    FIELD_STR(struct chunk_view, heading, .required = true),
    FIELD_STR(struct chunk_view, language, .required = true),
    FIELD_STR(struct chunk_view, text, .required = true),
    FIELD_END,
};

static enum err chunks_get(struct req *r)
{
    struct chunk *rows = NULL;
    size_t n = 0;
    bool has = false;
    int64_t from = 0;
    struct uuid last;
    TRY(req_cursor(r, &has, &from, &last));
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_read(&r->cx, &tx));
    TRY(document_chunks(tx, (struct document_id){req_id(r, 0)}, has ? from + 1 : 0,
                        (size_t)r->limit + 1, &rows, &n));
    TRY(db_commit(tx));
    struct str next = {};
    if (req_cut_page(r, &n)) {
        next = req_make_cursor(r, rows[n - 1].position, rows[n - 1].id);
    }
    struct chunk_view *views = arena_many(r->cx.arena, struct chunk_view, n);
    for (size_t i = 0; i < n; i++) {
        const struct chunk *c = &rows[i];
        views[i] = (struct chunk_view){c->id,  c->version, c->position, c->start,
                                       c->end, c->heading, c->language, c->text};
    }
    return req_reply_list(r, (struct list){views, n}, next);
}

const struct route document_routes[] = {
    {METHOD_GET, "/api/v1/documents", .who = WHO_ADMIN, .scope = "documents:read",
     .rate = RATE_READ, ROUTE_QUERY(struct list_query, list_fields),
     ROUTE_REPLY(struct document_view, document_fields), .is_list = true, .handler = documents_get,
     .summary = "List documents, newest first"},
    {METHOD_POST, "/api/v1/documents", .who = WHO_ADMIN, .scope = "documents:write",
     .rate = RATE_UPLOAD, .lane = LANE_UPLOAD, .max_body_conf = &conf.document_max_json,
     .max_part_conf = &conf.document_max_bytes,
     ROUTE_BODY(struct document_body, document_body_fields),
     ROUTE_REPLY(struct document_view, document_fields), .status = 201, .takes_multipart = true,
     .creates = true, .handler = document_post,
     .summary = "Add a document: multipart (file, metadata) or JSON (name, text)"},
    {METHOD_GET, "/api/v1/documents/:id", .who = WHO_ADMIN, .scope = "documents:read",
     .rate = RATE_READ, ROUTE_REPLY(struct document_view, document_fields),
     .handler = document_get_one, .summary = "Read a document's state"},
    {METHOD_PATCH, "/api/v1/documents/:id", .who = WHO_ADMIN, .scope = "documents:write",
     .rate = RATE_WRITE, ROUTE_BODY(struct patch_body, patch_fields),
     ROUTE_REPLY(struct document_view, document_fields), .handler = document_patch,
     .summary = "Rename a document, change its metadata, or mark it as stale"},
    {METHOD_DELETE, "/api/v1/documents/:id", .who = WHO_ADMIN, .scope = "documents:write",
     .rate = RATE_WRITE, .status = 204, .handler = document_delete_one,
     .summary = "Delete a document; it is gone from search at once"},
    {METHOD_GET, "/api/v1/documents/:id/content", .who = WHO_ADMIN, .scope = "documents:read",
     .rate = RATE_READ, .lane = LANE_UPLOAD, .raw = true, .handler = content_get,
     .summary = "Download the bytes as they were uploaded"},
    {METHOD_PUT, "/api/v1/documents/:id/content", .who = WHO_ADMIN, .scope = "documents:write",
     .rate = RATE_UPLOAD, .lane = LANE_UPLOAD, .max_body_conf = &conf.document_max_json,
     .max_part_conf = &conf.document_max_bytes,
     ROUTE_BODY(struct document_body, document_body_fields),
     ROUTE_REPLY(struct document_view, document_fields), .takes_multipart = true,
     .handler = content_put, .summary = "Replace a document by a new version"},
    {METHOD_GET, "/api/v1/documents/:id/versions", .who = WHO_ADMIN, .scope = "documents:read",
     .rate = RATE_READ, ROUTE_REPLY(struct version_view, version_fields), .is_list = true,
     .handler = versions_get, .summary = "List a document's versions, newest first"},
    {METHOD_GET, "/api/v1/documents/:id/chunks", .who = WHO_ADMIN, .scope = "documents:read",
     .rate = RATE_READ, ROUTE_REPLY(struct chunk_view, chunk_fields), .is_list = true,
     .handler = chunks_get, .summary = "List the passages of a document's current version"},
    {METHOD_POST, "/api/v1/documents/:id/reprocess", .who = WHO_ADMIN, .scope = "documents:write",
     .rate = RATE_UPLOAD, ROUTE_REPLY(struct document_view, document_fields), .status = 202,
     .handler = reprocess_post, .summary = "Read the stored file again"},
    ROUTE_END,
};
