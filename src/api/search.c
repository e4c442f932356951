#include "api/app.h"
#include "base/clock.h"
#include "base/metric.h"

struct search_in {
    struct str query, mode, language;
    int64_t limit;
};

static const struct field search_fields[] = {
    FIELD_STR(struct search_in, query, .required = true, .min = 1, .max = 2000),
    FIELD_INT(struct search_in, limit, .min = 1, .max = 20,
              .doc = "Passages to return, default 3."),
    FIELD_STR(struct search_in, mode, .one_of = "text", .doc = "How to search."),
    FIELD_STR(struct search_in, language, .max = 2, .doc = "ISO 639-1; without it, found out."),
    FIELD_END,
};

struct passage_view {
    struct uuid chunkId, documentId;
    struct str documentName, heading, text, language;
    int64_t version, start, end;
    double score, coverage;
};

static const struct field passage_fields[] = {
    FIELD_ID(struct passage_view, chunkId, .required = true),
    FIELD_ID(struct passage_view, documentId, .required = true),
    FIELD_STR(struct passage_view, documentName, .required = true),
    FIELD_INT(struct passage_view, version, .required = true),
    FIELD_INT(struct passage_view, start, .required = true),
    FIELD_INT(struct passage_view, end, .required = true),
    FIELD_STR(struct passage_view, heading, .required = true),
    FIELD_STR(struct passage_view, language, .required = true),
    FIELD_STR(struct passage_view, text, .required = true),
    FIELD_NUM(struct passage_view, score, .required = true),
    FIELD_NUM(struct passage_view, coverage, .required = true),
    FIELD_END,
};

struct result_view {
    struct list passages;
    bool known;
    double coverage, margin;
    struct str language;
};

static const struct field result_fields[] = {
    FIELD_LIST(struct result_view, passages, .required = true, .fields = passage_fields,
               .item_size = sizeof(struct passage_view)),
    FIELD_BOOL(struct result_view, known, .required = true,
               .doc = "Whether the passages cover enough of the question to answer it."),
    FIELD_NUM(struct result_view, coverage, .required = true),
    FIELD_NUM(struct result_view, margin, .required = true),
    FIELD_STR(struct result_view, language, .required = true),
    FIELD_END,
};

static struct passage_view view(const struct passage *p)
{
    return (struct passage_view){
        .chunkId = p->chunk,
        .documentId = p->document.v,
        .documentName = p->document_name,
        .heading = p->heading,
        .text = p->text,
        .language = p->language,
        .version = p->version,
        .start = p->start,
        .end = p->end,
        .score = p->score,
        .coverage = p->coverage,
    };
}

static enum err search_post(struct req *r)
{
    const struct search_in *in = r->body;
    const struct search_query q = {
        .text = in->query, .language = in->language, .limit = in->limit ? (size_t)in->limit : 3};
    struct search_result res = {};
    const int64_t from = clock_mono_us();
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_read(&r->cx, &tx));
    TRY(search_text(tx, &q, &res));
    TRY(db_commit(tx));
    metric_seen(METRIC_RAG_DURATION, NULL, (double)(clock_mono_us() - from) / 1e6);
    struct passage_view *views = arena_many(r->cx.arena, struct passage_view, res.count);
    for (size_t i = 0; i < res.count; i++) {
        views[i] = view(&res.passages[i]);
    }
    const struct result_view v = {
        {views, res.count}, res.known, res.coverage, res.margin, res.language};
    return req_reply(r, 200, &v);
}

const struct route search_routes[] = {
    {METHOD_POST, "/api/v1/search", .who = WHO_AGENT, .scope = "search", .rate = RATE_READ,
     ROUTE_BODY(struct search_in, search_fields), ROUTE_REPLY(struct result_view, result_fields),
     .handler = search_post, .summary = "Find passages, with scores: retrieval alone"},
    ROUTE_END,
};
