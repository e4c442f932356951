/* The shapes that several resources answer with, and how they are made from the domain's. Members
 * of a view carry their wire names. */
#ifndef API_VIEWS_H
#define API_VIEWS_H

#include "api/app.h"

struct message_view {
    struct uuid id, conversationId, turnId;
    struct str direction, type, sender, content, metadata, status;
    int64_t createdAt;
};
extern const struct field message_fields[];

/* Texts borrow from the message. */
struct message_view message_view(const struct message *m);

struct citation_view {
    struct uuid documentId;
    struct str documentName, quote;
    int64_t version, start, end;
};
extern const struct field citation_fields[];

struct source_view {
    struct uuid documentId, chunkId;
    struct str documentName;
    double score;
};

struct signal_view {
    struct str name;
    double value, weight;
};

struct confidence_view {
    double score;
    struct str level;
    struct list signals;
};

struct usage_view {
    struct str provider, model;
    int64_t promptTokens, completionTokens, latencyMs;
    double costUsd;
};

/* What one turn came to: the answer of POST /chat, and the heart of GET /turns/:id. */
struct answer_view {
    struct uuid conversationId, messageId, turnId, replyMessageId;
    struct str reply, action, silence;
    struct list citations, sources;
    bool contextUsed;
    struct confidence_view confidence;
    struct usage_view usage;
};
extern const struct field answer_fields[];
extern const struct field confidence_fields[];
extern const struct field usage_fields[];
extern const struct field source_fields[];

/* Lists are made in the arena. message: the one that the caller sent. */
struct answer_view answer_view(struct arena *a, const struct turn *t, struct message_id message);

#endif
