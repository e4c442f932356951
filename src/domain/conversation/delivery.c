#include "domain/conversation/delivery.h"

#include "base/json.h"

enum { CONTENT_BYTES = 100000 };

/* Callers of these read the reply from the answer and from events. */
static bool reads_by_itself(const struct conversation *c)
{
    return str_is(c->channel_type, "api") || str_is(c->channel_type, "webchat");
}

static enum err mark_failed(struct cx *cx, struct message *m, const char *why)
{
    json_t *metadata;
    TRY(json_parse(cx, m->metadata.n ? m->metadata : STR("{}"), &metadata));
    must(json_is_object(metadata));
    must(json_object_set_new(metadata, "deliveryError", json_string(why)) == 0);
    m->metadata = json_text(cx->arena, metadata);
    m->status = STR("failed");
    return ERR_OK;
}

enum err delivery_send(struct db_tx *tx, struct conversation *c, struct message *m)
{
    struct cx *cx = db_tx_cx(tx);
    if (m->content.n < 1 || m->content.n > CONTENT_BYTES) {
        return cx_fail_field(cx, "content", "must have 1 to %d bytes", CONTENT_BYTES);
    }
    m->direction = STR("outbound");
    m->type = m->type.n ? m->type : STR("text");
    m->status = STR("sent");
    if (!reads_by_itself(c)) {
        TRY(mark_failed(cx, m, "the channel is not connected"));
    }
    return message_append(tx, c, m);
}
