#include "domain/conversation/contact.h"

#include "base/utf8.h"

enum {
    EXTERNAL_ID_SIGNS = 255,
    NAME_BYTES = 200,
    EMAIL_BYTES = 320,
    PHONE_BYTES = 40,
    LANGUAGE_BYTES = 35,
};

#define CONTACT_COLUMNS                                                                            \
    "c.id, c.name, c.email, c.phone, c.language, c.attributes, c.created_us, c.updated_us"

static const struct db_stmt select_by_identity =
    DB_TENANT_SQL("SELECT " CONTACT_COLUMNS ", i.verified_by FROM contact_identities i "
                  "JOIN contacts c ON c.tenant_id = i.tenant_id AND c.id = i.contact_id "
                  "WHERE i.tenant_id = $1 AND i.channel_type = $2 AND i.external_id = $3");
static const struct db_stmt select_contact = DB_TENANT_SQL(
    "SELECT " CONTACT_COLUMNS " FROM contacts c WHERE c.tenant_id = $1 AND c.id = $2");
static const struct db_stmt insert_contact =
    DB_TENANT_SQL("INSERT INTO contacts (tenant_id, id, name, email, phone, language, attributes, "
                  "created_us, updated_us) VALUES ($1, $2, $3, $4, $5, $6, '{}', $7, $7)");
static const struct db_stmt delete_contact =
    DB_TENANT_SQL("DELETE FROM contacts WHERE tenant_id = $1 AND id = $2");
static const struct db_stmt insert_identity = DB_TENANT_SQL(
    "INSERT INTO contact_identities (tenant_id, channel_type, external_id, contact_id, kind, "
    "verified_by, created_us) VALUES ($1, $2, $3, $4, $5, $6, $7) "
    "ON CONFLICT (tenant_id, channel_type, external_id) DO NOTHING");
static const struct db_stmt update_contact =
    DB_TENANT_SQL("UPDATE contacts SET name = $3, email = $4, phone = $5, language = $6, "
                  "updated_us = $7 WHERE tenant_id = $1 AND id = $2");
static const struct db_stmt update_verified =
    DB_TENANT_SQL("UPDATE contact_identities SET verified_by = $4 WHERE tenant_id = $1 "
                  "AND channel_type = $2 AND external_id = $3 AND verified_by = ''");

enum { VERIFIED_BY = 8 };

static struct contact read_contact(const struct db_rows *rows)
{
    return (struct contact){
        .id = {db_id(rows, 0, 0)},
        .name = db_text(rows, 0, 1),
        .email = db_text(rows, 0, 2),
        .phone = db_text(rows, 0, 3),
        .language = db_text(rows, 0, 4),
        .attributes = db_text(rows, 0, 5),
        .created_us = db_int(rows, 0, 6),
        .updated_us = db_int(rows, 0, 7),
    };
}

/* What is there stays; what comes in is cut to its column. True when something was filled. */
static bool fill(struct str *have, struct str in, size_t max)
{
    if (have->n || !in.n) {
        return false;
    }
    *have = utf8_prefix(in, max);
    return true;
}

static bool fill_all(struct contact *c, const struct contact_in *in)
{
    bool filled = fill(&c->name, in->name, NAME_BYTES);
    filled |= fill(&c->email, in->email, EMAIL_BYTES);
    filled |= fill(&c->phone, in->phone, PHONE_BYTES);
    filled |= fill(&c->language, in->language, LANGUAGE_BYTES);
    return filled;
}

enum err contact_fill(struct db_tx *tx, struct contact *c, const struct contact_in *in)
{
    if (!fill_all(c, in)) {
        return ERR_OK;
    }
    c->updated_us = db_tx_cx(tx)->now_us;
    return db_exec(tx, &update_contact,
                   DB_ARGS(DB_ID(c->id.v), DB_TEXT(c->name), DB_TEXT(c->email), DB_TEXT(c->phone),
                           DB_TEXT(c->language), DB_INT(c->updated_us)),
                   NULL);
}

static enum err find(struct db_tx *tx, const struct identity *identity, struct db_rows *ret)
{
    return db_query(tx, &select_by_identity,
                    DB_ARGS(DB_TEXT(identity->channel_type), DB_TEXT(identity->external_id)), ret);
}

/* *ret_mine is false when another transaction made the identity first; then nothing is left. */
static enum err make(struct db_tx *tx, const struct identity *identity, const struct contact_in *in,
                     struct contact *ret, bool *ret_mine)
{
    const int64_t now = db_tx_cx(tx)->now_us;
    struct contact c = {
        .id = {uuid_new()}, .attributes = STR("{}"), .created_us = now, .updated_us = now};
    int64_t changed;
    (void)fill_all(&c, in);
    TRY(db_exec(tx, &insert_contact,
                DB_ARGS(DB_ID(c.id.v), DB_TEXT(c.name), DB_TEXT(c.email), DB_TEXT(c.phone),
                        DB_TEXT(c.language), DB_INT(now)),
                NULL));
    TRY(db_exec(tx, &insert_identity,
                DB_ARGS(DB_TEXT(identity->channel_type), DB_TEXT(identity->external_id),
                        DB_ID(c.id.v), DB_TEXT(identity->kind), DB_TEXT(identity->verified_by),
                        DB_INT(now)),
                &changed));
    *ret_mine = changed == 1;
    if (!*ret_mine) {
        return db_exec(tx, &delete_contact, DB_ARGS(DB_ID(c.id.v)), NULL);
    }
    *ret = c;
    return ERR_OK;
}

/* A known identity: fills the contact, and notes when somebody vouches for it for the first time.
 */
static enum err meet_again(struct db_tx *tx, const struct identity *identity,
                           const struct contact_in *in, const struct db_rows *rows,
                           struct contact *ret)
{
    *ret = read_contact(rows);
    if (identity->verified_by.n && !db_text(rows, 0, VERIFIED_BY).n) {
        TRY(db_exec(tx, &update_verified,
                    DB_ARGS(DB_TEXT(identity->channel_type), DB_TEXT(identity->external_id),
                            DB_TEXT(identity->verified_by)),
                    NULL));
    }
    return contact_fill(tx, ret, in);
}

enum err contact_resolve(struct db_tx *tx, const struct identity *identity,
                         const struct contact_in *in, struct contact *ret, bool *ret_created)
{
    struct cx *cx = db_tx_cx(tx);
    struct db_rows rows;
    if (!identity->external_id.n || utf8_count(identity->external_id) > EXTERNAL_ID_SIGNS) {
        return cx_fail_field(cx, "contact.externalId", "must have 1 to %d characters",
                             EXTERNAL_ID_SIGNS);
    }
    TRY(find(tx, identity, &rows));
    if (!rows.count) {
        TRY(make(tx, identity, in, ret, ret_created));
        if (*ret_created) {
            return ERR_OK;
        }
        TRY(find(tx, identity, &rows));
    }
    *ret_created = false;
    return rows.count ? meet_again(tx, identity, in, &rows, ret)
                      : cx_fail(cx, CODE_RERUN, "the contact was made and removed meanwhile");
}

enum err contact_get(struct db_tx *tx, struct contact_id id, struct contact *ret)
{
    struct db_rows rows;
    TRY(db_query(tx, &select_contact, DB_ARGS(DB_ID(id.v)), &rows));
    if (!rows.count) {
        return cx_fail(db_tx_cx(tx), CODE_CONTACT_NOT_FOUND, "there is no such contact");
    }
    *ret = read_contact(&rows);
    return ERR_OK;
}
