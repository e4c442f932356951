/* Whether the assistant answers at all. Pure but for the arena; any thread. */
#ifndef DOMAIN_ASSISTANT_GATE_H
#define DOMAIN_ASSISTANT_GATE_H

#include "domain/assistant/policy.h"
#include "domain/conversation/conversation.h"

enum gate_verdict {
    GATE_ANSWER,
    GATE_SILENT,     /* reason says why; nothing is sent */
    GATE_HANDOVER,   /* the customer asks for a person */
    GATE_ATTACHMENT, /* there is nothing to read */
    GATE_GREETING,   /* for an answerer that can only quote */
    GATE_THANKS,
};

struct gate_in {
    struct str tenant_status;
    const struct policy *policy;
    struct str conversation_status;
    struct str text;    /* what is to be answered: the text messages, a line each */
    bool has_other;     /* messages that are not text */
    struct str *reason; /* for GATE_SILENT and GATE_HANDOVER */
};

/* What is to be done with the messages; *in->reason is set for GATE_SILENT and GATE_HANDOVER. */
enum gate_verdict assistant_gate(struct arena *a, const struct gate_in *in);

#endif
