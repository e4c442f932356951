#include "domain/conversation/visitor_thread.h"

#include "base/json.h"
#include "crypto/hash.h"
#include "domain/conversation/row.h"

static const struct db_stmt select_by_name =
    DB_TENANT_SQL("SELECT " CONVERSATION_COLUMNS " WHERE c.tenant_id = $1 "
                  "AND c.channel_type = 'webchat' AND c.external_id = $2");
/* All whose external id begins with the visitor's: the sign behind ':' is ';'. */
static const struct db_stmt select_own =
    DB_TENANT_SQL("SELECT " CONVERSATION_COLUMNS " WHERE c.tenant_id = $1 "
                  "AND c.channel_type = 'webchat' AND c.external_id > $2 AND c.external_id < $3 "
                  "AND (c.last_message_us, c.id) < ($4, $5) "
                  "ORDER BY c.last_message_us DESC, c.id DESC LIMIT $6");

static bool is_name_sign(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

enum err visitor_name_check(struct cx *cx, const char *field, struct str name)
{
    bool ok = name.n <= VISITOR_NAME_SIGNS;
    for (size_t i = 0; ok && i < name.n; i++) {
        ok = is_name_sign(name.p[i]);
    }
    return ok ? ERR_OK
              : cx_fail_field(cx, field, "must have 1 to %d letters, digits, - or _",
                              VISITOR_NAME_SIGNS);
}

static struct str own_prefix(struct arena *a, const struct visitor *v, char end)
{
    return str_fmt(a, STR_FMT "%c", STR_ARG(uuid_text(a, v->id)), end);
}

static struct str external_id(struct arena *a, const struct visitor *v, struct str name)
{
    const struct str prefix = own_prefix(a, v, ':');
    return name.n ? str_fmt(a, STR_FMT STR_FMT, STR_ARG(prefix), STR_ARG(name))
                  : str_fmt(a, STR_FMT VISITOR_DEFAULT_NAME, STR_ARG(prefix));
}

enum err visitor_conversation(struct db_tx *tx, const struct visitor *v, struct str name,
                              struct conversation *ret, bool *ret_found)
{
    struct db_rows rows;
    const struct str id = external_id(db_tx_cx(tx)->arena, v, name);
    TRY(db_query(tx, &select_by_name, DB_ARGS(DB_TEXT(id)), &rows));
    *ret_found = rows.count == 1;
    if (*ret_found) {
        *ret = conversation_read(&rows, 0);
    }
    return ERR_OK;
}

struct uuid visitor_placeholder(const struct visitor *v, struct str name)
{
    SCOPED(arena_free) struct arena *a = arena_new();
    const struct str id = external_id(a, v, name);
    uint8_t digest[HASH_BYTES];
    struct uuid ret;
    hash_sha256(id.p, id.n, digest);
    memcpy(ret.b, digest, sizeof(ret.b));
    return ret;
}

bool visitor_owns(const struct visitor *v, const struct conversation *c)
{
    char own[UUID_TEXT + 1];
    uuid_format(v->id, own);
    return str_is(c->channel_type, "webchat") && c->external_id.n > UUID_TEXT &&
           memcmp(c->external_id.p, own, UUID_TEXT) == 0 && c->external_id.p[UUID_TEXT] == ':';
}

struct str visitor_conversation_name(const struct conversation *c)
{
    return str_sub(c->external_id, UUID_TEXT + 1, c->external_id.n);
}

enum err visitor_conversation_get(struct db_tx *tx, const struct visitor *v,
                                  struct conversation_id id, struct conversation *ret)
{
    TRY(conversation_get(tx, id, ret));
    return visitor_owns(v, ret) ? ERR_OK
                                : cx_fail(db_tx_cx(tx), CODE_CONVERSATION_NOT_FOUND,
                                          "there is no such conversation");
}

enum err visitor_conversations(struct db_tx *tx, const struct visitor *v,
                               const struct visitor_page *page, struct conversation **ret,
                               size_t *ret_count)
{
    struct arena *a = db_tx_cx(tx)->arena;
    struct db_rows rows;
    TRY(db_query(tx, &select_own,
                 DB_ARGS(DB_TEXT(own_prefix(a, v, ':')), DB_TEXT(own_prefix(a, v, ';')),
                         DB_INT(page->has_before ? page->before_us : INT64_MAX),
                         DB_ID(page->before_id), DB_INT((int64_t)page->limit)),
                 &rows));
    struct conversation *list = arena_many(a, struct conversation, rows.count);
    for (size_t i = 0; i < rows.count; i++) {
        list[i] = conversation_read(&rows, i);
    }
    *ret = list;
    *ret_count = rows.count;
    return ERR_OK;
}

struct inbound visitor_inbound(struct arena *a, const struct visitor *v, struct str name,
                               struct str text, struct str client_id)
{
    const struct str own = uuid_text(a, v->id);
    return (struct inbound){
        .channel_type = STR("webchat"),
        .external_id = external_id(a, v, name),
        .contact = {.external_id = own},
        .type = STR("text"),
        .content = text,
        .key_source = STR("client"),
        .client_message = client_id,
        .key = client_id.n ? str_fmt(a, STR_FMT ":" STR_FMT, STR_ARG(own), STR_ARG(client_id))
                           : STR(""),
    };
}

/* --- what a visitor sees of a message --- */

/* What there may be besides is between the tenant's people and programs. */
static const char *const shown[] = {"action", "citations", "clientMessageId", "stopped"};

enum err visitor_metadata(struct cx *cx, struct str metadata, struct str *ret)
{
    json_t *all = NULL;
    TRY(json_parse(cx, metadata, &all));
    json_t *some = json_object();
    for (size_t i = 0; i < COUNT(shown); i++) {
        json_t *member = json_object_get(all, shown[i]);
        if (member) {
            (void)json_object_set(some, shown[i], member);
        }
    }
    *ret = json_text(cx->arena, some);
    json_decref(some);
    return ERR_OK;
}
