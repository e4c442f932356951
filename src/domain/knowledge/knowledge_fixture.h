/* For tests and benches: a database with the whole schema, a file store, tenants, and the two jobs
 * run by hand. */
#ifndef KNOWLEDGE_FIXTURE_H
#define KNOWLEDGE_FIXTURE_H

#include "db/db_fixture.h"
#include "domain/knowledge/search.h"

struct knowledge_fixture {
    struct db_fixture db;
    struct blob_store *blobs;
    struct tenant_id tenant; /* of acts below */
};

/* Everything made, with one tenant. */
void knowledge_fixture_init(struct knowledge_fixture *f);
void knowledge_fixture_fini(struct knowledge_fixture *f);

/* Another tenant; the caller may make it the acting one. */
struct tenant_id knowledge_fixture_tenant(struct knowledge_fixture *f, const char *name);

/* A unit of work of the acting tenant (SCOPED(cx_end)). */
struct cx knowledge_fixture_cx(struct knowledge_fixture *f);

/* Uploads; replace nil for a new document. The result of document_receive or document_store. */
enum err knowledge_fixture_upload(struct knowledge_fixture *f, struct cx *cx, const char *name,
                                  struct str bytes, struct document_id replace,
                                  struct document *ret);

/* Claims and runs every job that is due, also those that they add; returns how many. */
int knowledge_fixture_work(struct knowledge_fixture *f);

/* The document as it is now. */
struct document knowledge_fixture_get(struct knowledge_fixture *f, struct cx *cx,
                                      struct document_id id);

/* Searches with the acting tenant; result in cx's arena. */
struct search_result knowledge_fixture_search(struct knowledge_fixture *f, struct cx *cx,
                                              const char *text, size_t limit);

/* Prints what went wrong and aborts unless e is ERR_OK. */
void knowledge_fixture_check(struct cx *cx, enum err e, const char *what);

/* The statistics are exactly those of the rows of chunks, and the index agrees with them; aborts
 * otherwise. */
void knowledge_fixture_verify(struct knowledge_fixture *f);

#endif
