#include "main/news.h"

#include "domain/ledger/event.h"

static enum err list_events(struct cx *cx, struct uuid conversation, int64_t since, size_t limit,
                            struct event **ret, size_t *ret_count)
{
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_read(cx, &tx));
    TRY(uuid_is_nil(conversation) ? event_list(tx, since, STR(""), limit, ret, ret_count)
                                  : event_list_of(tx, conversation, since, limit, ret, ret_count));
    return db_commit(tx);
}

static enum err load_events(void *arg, struct cx *cx, struct uuid conversation, int64_t since,
                            size_t limit, struct hub_event **ret, size_t *ret_count)
{
    struct event *rows = NULL;
    size_t n = 0;
    (void)arg;
    TRY(list_events(cx, conversation, since, limit, &rows, &n));
    struct hub_event *out = arena_many(cx->arena, struct hub_event, n);
    for (size_t i = 0; i < n; i++) {
        SCOPED(buf_fini) struct buf b = buf_make(MB);
        event_json(&b, &rows[i]);
        out[i] = (struct hub_event){
            .seq = rows[i].seq,
            .conversation = rows[i].conversation,
            .type = rows[i].type,
            .data = rows[i].payload,
            .json = str_dup(cx->arena, buf_view(&b)),
            .created_us = rows[i].created_us,
        };
    }
    *ret = out;
    *ret_count = n;
    return ERR_OK;
}

static enum err range_of_events(void *arg, struct cx *cx, int64_t *ret_oldest, int64_t *ret_newest)
{
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    (void)arg;
    TRY(db_begin_read(cx, &tx));
    TRY(event_range(tx, ret_oldest, ret_newest));
    return db_commit(tx);
}

static enum err count_events(void *arg, struct cx *cx, struct uuid conversation, int64_t since,
                             int64_t max, int64_t *ret)
{
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    (void)arg;
    TRY(db_begin_read(cx, &tx));
    TRY(event_count(tx, conversation, since, max, ret));
    return db_commit(tx);
}

const struct hub_source news_source = {NULL, load_events, range_of_events, count_events};

void news_say(void *hub, const struct live_word *word)
{
    static const enum hub_saying saying[] = {
        [LIVE_STARTED] = HUB_TURN_STARTED,
        [LIVE_TEXT] = HUB_TURN_TEXT,
        [LIVE_WITHDRAWN] = HUB_TURN_WITHDRAWN,
        [LIVE_SETTLED] = HUB_TURN_SETTLED,
    };
    const struct hub_said said = {.what = saying[word->what],
                                  .room = {word->tenant, word->conversation.v},
                                  .turn = word->turn.v,
                                  .text = word->text};
    hub_say(hub, &said, NULL);
}
