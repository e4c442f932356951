/* fuzz: llm */
/* Frames of an OpenAI-compatible answer: anything is either read or refused, what is read is UTF-8
 * within the bytes' own size, and the form that it has gives the same text. */
#include "base/utf8.h"
#include "ext/llm_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n > 65536) {
        return 0;
    }
    struct cx cx;
    struct llm_frame f;
    cx_begin(&cx, NULL);
    const enum err e = llm_frame_parse(&cx, (struct str){(const char *)data, n}, &f);
    must(e == ERR_OK || e == ERR_UNAVAILABLE);
    if (!e) {
        must(utf8_valid(f.text) && f.text.n <= n);
        struct llm_form form = llm_form_make();
        struct str text;
        llm_form_learn(&form, (struct str){(const char *)data, n}, f.text);
        must(!llm_form_has(&form, (struct str){(const char *)data, n}, &text) ||
             str_eq(text, f.text));
        llm_form_fini(&form);
        must(f.prompt_tokens >= -1 && f.completion_tokens >= -1);
    }
    cx_end(&cx);
    return 0;
}
