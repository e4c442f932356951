/* The heap. Out of memory ends the process with a message (a supervisor starts it again); every
 * other failure in the house is returned. These are the only calls to malloc and its kin. Any
 * thread. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include "base/base.h"

/* Zeroed memory for n objects of size bytes; never NULL. The caller frees with mem_free. */
void *mem_alloc(size_t n, size_t size);

/* Grows or shrinks p (which may be NULL) to size bytes; what is added is not zeroed. Never NULL. */
void *mem_realloc(void *p, size_t size);

/* A NUL-terminated copy of n bytes; the caller frees it. */
char *mem_dup(const char *p, size_t n);

/* p may be NULL. */
void mem_free(void *p);

/* Lets all threads share few heaps, two for each core, where the C library would make eight: what
 * one thread leaves free in a heap is of no use to those of another, and under load that goes on
 * the heaps grow although what is in them does not. Called once, before there is a second thread.
 */
void mem_share_heaps(void);

/* Overwrites secrets in a way that the compiler keeps. */
void mem_wipe(void *p, size_t n);

#define mem_new(type) ((type *)mem_alloc(1, sizeof(type)))

#endif
