/* The judge: which citations are true, how sure the answer is, and what is to be done with it. Pure
 * but for the arena; any thread.
 *
 * Confidence is the weighted mean of the signals that apply (each 0-1):
 *   retrieval  how much of the question the passages cover, and how far the best stands out
 *   citations  share of the answer's sentences that a checked citation stands behind, less what
 *              the quotes are known to miss of the question
 *   grounding  share of the answer's content words and figures that the passages have
 *   hedging    1 without words of doubt, 0 with three
 *   quality    whether the answer is whole, and of a length that suits the question
 *   provider   1 when the chosen model answered, less when another had to stand in */
#ifndef DOMAIN_ASSISTANT_JUDGE_H
#define DOMAIN_ASSISTANT_JUDGE_H

#include "domain/assistant/markers.h"
#include "domain/assistant/policy.h"
#include "domain/assistant/turn.h"

struct judge_in {
    const struct policy *policy;
    struct str answer; /* visible, without markers; empty: does not know */
    const struct marker *markers;
    size_t marker_count;
    bool says_unknown;  /* by marker */
    bool says_handover; /* by marker */
    const struct passage *passages;
    size_t passage_count;
    bool searched;
    double coverage, margin; /* of the search */
    double missed;           /* share of the question that the quotes do not speak of, 0-1 */
    struct str question;     /* made whole */
    struct str language;
    struct str finish_reason; /* empty: cut off */
    bool stood_in;            /* another provider than the chosen one answered */
    int64_t unknown_in_row;   /* before this answer */
};

struct judgement {
    const char *action; /* answer | disclaimer | review | handover */
    const char *reason; /* why it is not "answer": unknown | unknown_in_row | low_confidence |
                           asked_by_model; empty otherwise */
    bool unknown;       /* it does not know */
    bool context_used;
    struct citation *citations;
    size_t citation_count;
    struct signal_value *signals;
    size_t signal_count;
    double confidence;
    const char *level;
};

/* Everything in the arena. The order of action: what the model asks for, not knowing, confidence.
 */
struct judgement judge(struct arena *a, const struct judge_in *in);

/* high from 0.8, medium from 0.6, low from 0.4, very_low below. */
const char *judge_level(double confidence);

#endif
