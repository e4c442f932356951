/* Inside the room: what the record of a turn holds beside struct turn. */
#ifndef DOMAIN_ASSISTANT_TURN_RECORD_H
#define DOMAIN_ASSISTANT_TURN_RECORD_H

#include "domain/assistant/turn.h"

struct recorded_passage {
    int64_t number;
    struct document_id document;
    struct str document_name;
    int64_t version;
    struct uuid chunk;
    struct str heading;
    int64_t start, end;
    struct str hash; /* SHA-256 of its text, hexadecimal */
    double score;
};

/* By number. */
enum err turn_record_passages(struct db_tx *tx, struct turn_id id, struct recorded_passage **ret,
                              size_t *ret_count);

#endif
