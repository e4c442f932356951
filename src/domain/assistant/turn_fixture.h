/* For tests: a tenant with documents, a customer who writes, and a model that plays a script. */
#ifndef DOMAIN_ASSISTANT_TURN_FIXTURE_H
#define DOMAIN_ASSISTANT_TURN_FIXTURE_H

#include "domain/assistant/turn.h"
#include "domain/conversation/inbox.h"
#include "domain/knowledge/knowledge_fixture.h"
#include "domain/ledger/event.h"

/* What the scripted model does in its next calls. */
struct script {
    const char *answer;   /* streamed byte by byte */
    enum err e;           /* then it fails with this */
    void (*during)(void); /* called in the middle of the answer; then it looks whether to stop */
    int calls;
    struct buf prompt; /* the messages of the last call, contents one after the other */
};

/* What the sink heard. */
struct heard {
    int started, withdrawn, settled;
    struct turn_id turn; /* that started last */
    struct buf text;
};

struct turn_fixture {
    struct knowledge_fixture k;
    struct assistant as;
    struct turn_sink sink;
    struct script script;
    struct heard heard;
    struct conversation_id conversation; /* nil: the next message opens one */
    struct cx cx;                        /* of the acting tenant */
};

extern struct turn_fixture tf;

int turn_setup(void **state);
int turn_teardown(void **state);

/* Ends what lives in tf.cx and begins anew, for the acting tenant. */
void turn_fresh(void);

/* A document that is ready to be searched. */
void turn_document(const char *name, const char *text);

/* The tenant's policy: the scripted model instead of the extractive answerer. */
void turn_use_model(void);

/* A message of the customer; type "text" or another. */
struct message_id turn_says(const char *type, const char *text);

/* Claims the conversation's job; false when none is due. */
bool turn_claim(struct job *ret);

/* Claims and runs a turn; asserts that it is committed. */
struct turn turn_now(void);

/* Asserts ERR_OK with the words of cx. */
void turn_ok(enum err e, const char *what);

/* Every turn of the acting tenant replays byte for byte, and reads back as it was. */
void turn_replays(void);

/* How many rows the query gives as its number. */
int64_t turn_number(const char *sql);

#endif
