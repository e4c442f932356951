/* Documents: what a tenant's assistant may answer from. A document is logical; each upload is a
 * version of it, and one version is current. Search joins on the current version, so a replacement
 * is all-old or all-new.
 *
 * Status: pending → processing → ready | failed; ready → stale → (reprocess) pending. Exactly these
 * five. A new version that fails leaves the old one current and searchable; the failure stands in
 * error. */
#ifndef DOMAIN_KNOWLEDGE_DOCUMENT_H
#define DOMAIN_KNOWLEDGE_DOCUMENT_H

#include "db/blob.h"
#include "domain/ledger/job.h"

#define DOCUMENT_STATES "pending|processing|ready|failed|stale"

struct document_id {
    struct uuid v;
};

struct document {
    struct document_id id;
    struct str name;
    struct str status;
    int64_t version; /* newest, >= 1 */
    int64_t current; /* the searchable one; 0: none yet */
    int64_t size;    /* bytes received of the newest version */
    struct str mime_type;
    int64_t chunks;   /* of the current version */
    struct str error; /* why it failed or went stale; empty otherwise */
    struct str language;
    struct str metadata; /* JSON object of document_metadata's fields */
    int64_t created_us;
    int64_t updated_us;
};

/* What an upload brings. */
struct document_in {
    struct str name;      /* 1-255 characters, no path parts, no control signs */
    struct str mime_type; /* declared; empty: by content and name */
    struct extent bytes;
    struct str title, source_url, author, category, language,
        tags; /* metadata: a closed set; all optional */
};

/* Checks name, size (conf.document_max_bytes: PAYLOAD_TOO_LARGE), type by content and in agreement
 * with name and declaration (UNSUPPORTED_MEDIA_TYPE), and stores the bytes as a blob. No
 * transaction may be open (it makes a short one of its own). Path parts of the name are taken off.
 * The type is decided as ext/extract.h says. Refused bytes are nowhere stored. */
struct document_upload {
    struct document_in in;
    struct blob_name blob;
    struct str mime_type; /* as decided */
};
enum err document_receive(struct cx *cx, struct blob_store *blobs, const struct document_in *in,
                          struct document_upload *ret);

/* In a transaction: a new document, or (replace not nil) a new version of one; adds
 * document.uploaded and the job "document.process". A new document whose name is taken by another
 * of the tenant is a document of its own. */
enum err document_store(struct db_tx *tx, const struct document_upload *up,
                        struct document_id replace, struct document *ret);

/* DOCUMENT_NOT_FOUND, also for another tenant's. */
enum err document_get(struct db_tx *tx, struct document_id id, struct document *ret);

struct document_filter {
    struct str status;
    struct str q; /* part of the name, any case; empty: all */
    int64_t before_us;
    struct uuid before_id;
    bool has_before;
    size_t limit;
};
/* Newest first by creation. */
enum err document_list(struct db_tx *tx, const struct document_filter *filter,
                       struct document **ret, size_t *ret_count);

/* Rename, change metadata, or mark as stale (only a ready one: CONFLICT; document.stale with the
 * reason). A new name or title weighs in searches from the next reading on. VALIDATION_ERROR by
 * field. */
struct document_change {
    struct str name, status, reason, title, source_url, author, category, language, tags;
    bool has_name, has_status, has_reason, has_title, has_source_url, has_author, has_category,
        has_language, has_tags;
};
enum err document_update(struct db_tx *tx, struct document_id id,
                         const struct document_change *change, struct document *ret);

/* Reads the stored bytes again, as a new version (what was cited of the old text stays true):
 * pending, with the job. */
enum err document_reprocess(struct db_tx *tx, struct document_id id, struct document *ret);

/* Gone at once for search, lists and gets; its rows go in small steps by the job "document.purge".
 * Also while it is being processed. After the purge the texts that old answers cited are gone too,
 * and replay says so. */
enum err document_delete(struct db_tx *tx, struct document_id id);

struct document_version {
    int64_t version;
    int64_t size;
    struct str mime_type;
    struct str sha256; /* hexadecimal */
    struct str status; /* pending | ready | failed */
    struct str error;
    int64_t created_us;
};
/* A page, newest first; below: the last version of the page before it, or 0. */
enum err document_versions(struct db_tx *tx, struct document_id id, int64_t below, size_t limit,
                           struct document_version **ret, size_t *ret_count);

struct chunk {
    struct uuid id;
    int64_t version;
    int64_t position;   /* from 0 */
    int64_t start, end; /* bytes in the version's extracted text */
    struct str heading; /* path, "Returns › Refunds" */
    struct str language;
    struct str text;
};
enum err document_chunks(struct db_tx *tx, struct document_id id, int64_t from, size_t limit,
                         struct chunk **ret, size_t *ret_count);

/* Bytes [start, end) of the extracted text of a version; *ret_found false when that text is no
 * longer stored. end -1: all. */
enum err document_text(struct db_tx *tx, struct document_id id, int64_t version, int64_t start,
                       int64_t end, struct str *ret, bool *ret_found);

/* The original bytes of the newest version, as blob_get gives them: the caller closes their
 * descriptor. No transaction may be open (own, short ones). */
enum err document_content(struct cx *cx, struct blob_store *blobs, struct document_id id,
                          struct extent *ret, struct str *ret_mime, struct str *ret_name);

/* The jobs "document.process" and "document.purge": see jobs/worker.h for the contract. Extraction
 * and chunking run window by window, without a transaction; the chunks of each are written in small
 * ones into a version that is not current; one makes it current. Large documents leave half of the
 * job threads to other work. */
enum err document_process(struct cx *cx, struct blob_store *blobs, const struct job *job);
enum err document_purge(struct cx *cx, struct blob_store *blobs, const struct job *job);
/* After the last attempt: failed, with the reason. */
enum err document_process_dead(struct db_tx *tx, const struct job *job);

/* Finds documents that a crash left without a job and gives them one; at start and by the clock. cx
 * of the platform. */
enum err document_sweep(struct cx *cx);

#endif
