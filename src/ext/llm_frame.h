/* The wire form of OpenAI-compatible chat completions: one request body, the frames of a streamed
 * answer, a whole answer, and errors. Strict where it matters, deaf to fields it does not know.
 * Pure but for the arena; any thread. */
#ifndef EXT_LLM_FRAME_H
#define EXT_LLM_FRAME_H

#include "base/buf.h"
#include "ext/llm.h"

struct llm_frame {
    struct str text;          /* what it adds to the answer; may be empty */
    struct str finish_reason; /* empty: not yet */
    struct str model;
    bool has_usage;
    int64_t prompt_tokens, completion_tokens;
    bool is_error; /* {"error": …}: the provider gave up */
    struct str error_type, error_code;
};

/* The JSON body of a request. rq->model and the messages must be UTF-8. In the arena. */
struct str llm_frame_request(struct cx *cx, const struct llm_request *rq);

/* One frame's data (a chat.completion.chunk), or a whole chat.completion (text is then all of it).
 * Unknown fields, an empty list of choices and "usage": null are fine; ERR_UNAVAILABLE for what is
 * not JSON, not an object, has choices of another form, or carries neither choices nor usage nor
 * error. Texts live in cx's arena. */
enum err llm_frame_parse(struct cx *cx, struct str data, struct llm_frame *ret);

/* The frames of one stream mostly differ in nothing but their text. A form is what stands before
 * and behind it: a frame that has both, and between them bytes that stand for themselves in a JSON
 * string, says what the frame that the form was learned from said, but for the text. */
struct llm_form {
    struct buf before, after;
};

/* A form that nothing has yet. */
struct llm_form llm_form_make(void);
void llm_form_fini(struct llm_form *f);

/* Learns from a frame that llm_frame_parse took, with its text; when the place of the text is not
 * certain, nothing is learned. */
void llm_form_learn(struct llm_form *f, struct str data, struct str text);

/* Whether data has the form; *ret_text borrows from data. */
bool llm_form_has(const struct llm_form *f, struct str data, struct str *ret_text);

#endif
