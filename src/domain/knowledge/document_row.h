/* What the files of documents share among themselves. */
#ifndef DOMAIN_KNOWLEDGE_DOCUMENT_ROW_H
#define DOMAIN_KNOWLEDGE_DOCUMENT_ROW_H

#include "domain/knowledge/document.h"
#include "domain/ledger/event.h"

#define DOCUMENT_COLUMNS                                                                           \
    "id, name, status, version, current, size, mime_type, chunks, error, language, metadata, "     \
    "created_us, updated_us"

enum {
    TEXT_PIECE = 65536, /* bytes of a row of document_texts; the migration names it too */
    ERROR_BYTES = 500,
};

/* Row i of a query for DOCUMENT_COLUMNS. */
struct document document_read(const struct db_rows *rows, size_t i);

/* Remembers an event about a document: {"documentId", "name", "version", and "error" if not
 * empty}. */
enum err document_event(struct db_tx *tx, enum event_type type, const struct document *d,
                        struct str error);

/* Adds a job of this kind in the document's lane; due_us 0: now. */
enum err document_job(struct db_tx *tx, struct document_id id, const char *kind, int64_t due_us);

/* One field of metadata; the document's JSON object. Empty when it is not set. */
struct str document_metadata(struct cx *cx, const struct document *d, const char *field);

/* The metadata of an upload as a JSON object, checked: VALIDATION_ERROR by field. */
enum err document_metadata_json(struct cx *cx, const struct document_in *in, struct str *ret);

/* A name without path parts, checked: VALIDATION_ERROR. */
enum err document_name(struct cx *cx, struct str name, struct str *ret);

/* Lower case without accents, for finding names; any length, in the arena. */
struct str document_folded(struct arena *a, struct str name);

#endif
