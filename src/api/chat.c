/* POST /chat: one customer message in, one turn's answer out.
 *
 * The message is committed first; what follows can be cut off anywhere without losing it. If its
 * turn was free, the job was claimed in the same transaction and runs here, on this thread; else
 * (folded into a running turn, or a repetition) this waits for the turn that covers the message.
 * When the time is up the answer is 202, and the reply comes by events. A reader who leaves does
 * not end the turn. */
#include "api/views.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/jw.h"
#include "base/utf8.h"
#include "domain/conversation/visitor_thread.h"
#include "domain/ledger/event.h"
#include "domain/ledger/idempotency.h"

#define LOOK_US SECOND_US /* for one look at what is stored */

struct chat_contact {
    struct str externalId, name, email, phone, language;
};

struct chat_in {
    struct str message;
    struct uuid conversationId;
    struct str conversation;
    struct chat_contact contact;
    struct str clientMessageId;
};

static const struct field contact_fields[] = {
    FIELD_STR(struct chat_contact, externalId, .max = 255, .doc = "Your id of the person."),
    FIELD_STR(struct chat_contact, name, .max = 200),
    FIELD_STR(struct chat_contact, email, .max = 254),
    FIELD_STR(struct chat_contact, phone, .max = 40),
    FIELD_STR(struct chat_contact, language, .max = 2, .doc = "ISO 639-1."),
    FIELD_END,
};

static const struct field chat_fields[] = {
    FIELD_STR(struct chat_in, message, .required = true, .min = 1, .max = 100000,
              .doc = "What the customer wrote; METACHAT_CHAT_MAX_MESSAGE characters at most."),
    FIELD_ID(struct chat_in, conversationId, .doc = "Without it a new conversation is opened."),
    FIELD_STR(struct chat_in, conversation, .max = VISITOR_NAME_SIGNS,
              .doc = "A visitor's: what the page calls the conversation; without it: main."),
    FIELD_OBJ(struct chat_in, contact, .fields = contact_fields),
    FIELD_STR(
        struct chat_in, clientMessageId, .min = 1, .max = 200,
        .doc =
            "Your id of the message: sending it again changes nothing and gets the same answer."),
    FIELD_END,
};

static bool wants_no_answer(const struct req *r)
{
    return !r->wants_stream &&
           str_find(net_req_header(r->net, "prefer"), STR("respond-async"), 0) >= 0;
}

static struct inbound of_program(struct req *r, const struct chat_in *in)
{
    const struct chat_contact *c = &in->contact;
    struct inbound ib = {
        .conversation = {in->conversationId},
        .channel_type = STR("api"),
        .contact = {.external_id = c->externalId,
                    .name = c->name,
                    .email = c->email,
                    .phone = c->phone,
                    .language = c->language,
                    .verified = principal_holds(&r->who, "contacts:verify")},
        .type = STR("text"),
        .content = in->message,
        .key_source = STR("client"),
        .key = in->clientMessageId,
        .client_message = in->clientMessageId,
    };
    if (ib.key.n && !uuid_is_nil(in->conversationId)) {
        const struct str scope = uuid_text(r->cx.arena, in->conversationId);
        ib.key = str_fmt(r->cx.arena, STR_FMT ":" STR_FMT, STR_ARG(scope), STR_ARG(ib.key));
    }
    return ib;
}

static bool is_visitor(const struct req *r)
{
    return r->who.kind == PRINCIPAL_VISITOR;
}

/* A visitor writes as itself, whatever it says of itself. */
static struct inbound normal_form(struct req *r, const struct chat_in *in)
{
    struct inbound ib;
    if (is_visitor(r)) {
        const struct visitor v = auth_visitor(&r->who);
        ib = visitor_inbound(r->cx.arena, &v, in->conversation, in->message, in->clientMessageId);
        ib.conversation.v = in->conversationId;
    } else {
        ib = of_program(r, in);
    }
    /* Only who then runs the turn may claim it. */
    ib.claim_for = wants_no_answer(r) ? STR("") : app_of(r)->owner;
    return ib;
}

enum err chat_check_text(struct cx *cx, const char *field, struct str text)
{
    const size_t n = utf8_count(text);
    if (str_trim(text).n == 0) {
        return cx_fail_field(cx, field, "must not be empty");
    }
    if ((int64_t)n > conf.chat_max_message) {
        return cx_fail_field(cx, field, "must have at most %" PRId64 " characters, has %zu",
                             conf.chat_max_message, n);
    }
    return ERR_OK;
}

static enum err check(struct req *r, const struct chat_in *in)
{
    TRY(chat_check_text(&r->cx, "message", in->message));
    if (in->conversation.n && !is_visitor(r)) {
        return cx_fail_field(&r->cx, "conversation", "is for visitors; others say conversationId");
    }
    return visitor_name_check(&r->cx, "conversation", in->conversation);
}

/* A visitor may name conversations of its own and no other, and begins only so many. */
static enum err check_visitor(struct req *r, struct db_tx *tx, const struct chat_in *in)
{
    const struct visitor v = auth_visitor(&r->who);
    struct conversation c;
    bool found = false;
    if (!is_visitor(r)) {
        return ERR_OK;
    }
    if (!uuid_is_nil(in->conversationId)) {
        return visitor_conversation_get(tx, &v, (struct conversation_id){in->conversationId}, &c);
    }
    TRY(visitor_conversation(tx, &v, in->conversation, &c, &found));
    return found ? ERR_OK : req_limit(r, RATE_OPEN);
}

/* Commits the message; or finds the one that the same Idempotency-Key made before. */
static enum err receive(struct req *r, const struct chat_in *in, struct received *ret)
{
    struct cx *cx = &r->cx;
    const struct inbound ib = normal_form(r, in);
    const struct idempotency idem = req_idempotency(r);
    bool seen = false;
    struct uuid first;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(cx, &tx));
    TRY(check_visitor(r, tx, in));
    TRY(idempotency_find(tx, &idem, &seen, &first));
    if (seen) {
        ret->duplicate = true;
        TRY(message_get(tx, (struct message_id){first}, &ret->message));
        ret->conversation.id = ret->message.conversation;
        return db_commit(tx);
    }
    TRY(inbox_receive(tx, &ib, ret));
    TRY(idempotency_store(tx, &idem, ret->message.id.v));
    TRY(event_flush(tx, NULL));
    return db_commit(tx);
}

/* The first message made the conversation: the visitor's open pages follow it from now on. */
static void move_followers(struct req *r, const struct chat_in *in, const struct received *rc)
{
    if (is_visitor(r) && uuid_is_nil(in->conversationId)) {
        const struct visitor v = auth_visitor(&r->who);
        const struct uuid until_now = visitor_placeholder(&v, in->conversation);
        hub_move_all(app_of(r)->hub, (struct hub_room){r->cx.tenant, until_now},
                     rc->conversation.id.v);
    }
}

/* Looks for the turn that covers the message; *ret_seq is a number from before the look. */
static enum err find_turn(struct cx *cx, struct message_id id, struct turn *ret, bool *ret_found,
                          int64_t *ret_seq)
{
    int64_t oldest = 0;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_read(cx, &tx));
    TRY(event_range(tx, &oldest, ret_seq));
    TRY(turn_of_message(tx, id, ret, ret_found));
    return db_commit(tx);
}

/* Also when the time is up: what was done in the last moment is told. */
static enum err look(struct cx *cx, struct message_id id, struct turn *ret, bool *ret_found,
                     int64_t *ret_seq)
{
    const int64_t deadline_us = cx->deadline_us;
    cx->deadline_us = max_i64(deadline_us, clock_mono_us() + LOOK_US);
    const enum err e = find_turn(cx, id, ret, ret_found, ret_seq);
    cx->deadline_us = deadline_us;
    return e;
}

/* *ret_found stays false when the time is up. */
static enum err wait_for_turn(struct req *r, struct message_id id, struct turn *ret,
                              bool *ret_found)
{
    struct cx *cx = &r->cx;
    for (;;) {
        int64_t seq = 0;
        TRY(look(cx, id, ret, ret_found, &seq));
        if (*ret_found) {
            return ERR_OK;
        }
        const enum err e = hub_wait(app_of(r)->hub, cx, cx->tenant, seq);
        if (e == ERR_TIMEOUT || e == ERR_CANCELLED) {
            return ERR_OK;
        }
        TRY(e);
    }
}

/* Who waits for the turn that runs here. */
struct waiting {
    struct req *r;
    struct message_id message;
    int64_t at; /* bytes of the draft so far */
    bool answered;
    enum err result; /* of answering */
};

static void send_state(struct waiting *w, const char *event, struct turn_id turn, const char *state,
                       struct str text)
{
    if (!w->r->wants_stream) {
        return;
    }
    SCOPED(buf_fini) struct buf b = buf_make(256 * KB);
    jw_open(&b, '{');
    jw_member_id(&b, "turnId", turn.v);
    if (state) {
        jw_member_str(&b, "state", str_of(state));
    } else {
        jw_member_str(&b, "text", text);
        jw_member_i64(&b, "at", w->at);
    }
    w->at = state ? 0 : w->at + (int64_t)text.n;
    jw_close(&b, '}');
    (void)req_sse_send(w->r, event, STR(""), buf_view(&b));
}

static void on_started(void *arg, struct turn_id turn)
{
    send_state(arg, "turn", turn, "started", STR(""));
}

static void on_delta(void *arg, struct turn_id turn, struct str text)
{
    send_state(arg, "delta", turn, NULL, text);
}

static void on_withdrawn(void *arg, struct turn_id turn)
{
    send_state(arg, "turn", turn, "withdrawn", STR(""));
}

/* Without a turn yet: the message is stored, and that is what is said. */
static struct answer_view accepted(const struct received *rc)
{
    return (struct answer_view){
        .conversationId = rc->conversation.id.v,
        .messageId = rc->message.id.v,
        .confidence.level = STR("very_low"),
    };
}

static enum err answer_stream(struct req *r, const struct answer_view *view, bool done)
{
    SCOPED(buf_fini) struct buf b = buf_make(4 * MB);
    field_encode(&b, answer_fields, view);
    (void)req_sse_send(r, done ? "done" : "accepted", STR(""), buf_view(&b));
    return req_sse_end(r);
}

static enum err answer(struct req *r, const struct answer_view *view, bool done)
{
    return r->wants_stream ? answer_stream(r, view, done) : req_reply(r, done ? 200 : 202, view);
}

/* The turn that ran here need not be looked for, if it covers the message: it may have taken only
 * the older ones of a burst. */
static void on_committed(void *arg, const struct turn *turn)
{
    struct waiting *w = arg;
    if (memcmp(&turn->message, &w->message, sizeof(w->message)) >= 0) {
        const struct answer_view view = answer_view(w->r->cx.arena, turn, w->message);
        w->answered = true;
        w->result = answer(w->r, &view, true);
    }
}

static enum err chat_post(struct req *r)
{
    const struct chat_in *in = r->body;
    struct received rc = {};
    struct turn turn = {};
    bool found = false;
    TRY(check(r, in));
    const bool no_answer = wants_no_answer(r);
    TRY(receive(r, in, &rc));
    move_followers(r, in, &rc);
    if (r->wants_stream) {
        TRY(req_sse_open(r));
    }
    if (rc.claimed) {
        struct waiting w = {.r = r, .message = rc.message.id};
        const struct turn_sink sink = {&w, on_started, on_delta, on_withdrawn, on_committed};
        app_of(r)->run_turn(app_of(r), &rc.job, &sink);
        if (w.answered) {
            return w.result;
        }
    }
    if (!no_answer) {
        TRY(wait_for_turn(r, rc.message.id, &turn, &found));
    }
    const struct answer_view view =
        found ? answer_view(r->cx.arena, &turn, rc.message.id) : accepted(&rc);
    return answer(r, &view, found);
}

const struct route chat_routes[] = {
    {METHOD_POST, "/api/v1/chat", .who = WHO_VISITOR, .scope = "chat", .rate = RATE_CHAT,
     .lane = LANE_TURN, .max_body = 512 * KB, ROUTE_BODY(struct chat_in, chat_fields),
     ROUTE_REPLY(struct answer_view, answer_fields), .streams = true, .may_accept = true,
     .creates = true, .cors = true, .handler = chat_post,
     .summary = "Send a customer's message and get the assistant's answer"},
    ROUTE_END,
};
