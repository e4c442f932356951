/* Figures that a question asks for, and that a sentence has: what a thing costs is told by a sum of
 * money. Pure; any thread. */
#ifndef EXT_LLM_FIGURE_H
#define EXT_LLM_FIGURE_H

#include "base/str.h"

enum llm_figure {
    LLM_FIGURE_MONEY = 1,   /* a sum with its currency */
    LLM_FIGURE_SPAN = 2,    /* how long something takes */
    LLM_FIGURE_CLOCK = 4,   /* a time of day */
    LLM_FIGURE_PHONE = 8,   /* a telephone number */
    LLM_FIGURE_MAIL = 16,   /* an e-mail address */
    LLM_FIGURE_DATE = 32,   /* a day of the week, a month or a year */
    LLM_FIGURE_NUMBER = 64, /* any number */
    LLM_FIGURE_NAME = 128   /* a name of two words, as people have */
};

/* Those that the folded question (llm_fold) asks for, as bits. */
unsigned llm_figures_asked(struct str folded);

/* Words that headings have above such figures, apart by blanks. Static. */
const char *llm_figure_words(unsigned figures);

/* Those that the text has, as bits; folded is the same text, folded. */
unsigned llm_figures_in(struct str text, struct str folded);

#endif
