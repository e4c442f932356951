/* What a connection still has to send: a list of parts, each of shared bytes between two short
 * texts, sent with as few system calls as the kernel allows. Belongs to the loop. */
#ifndef NET_OUTPUT_H
#define NET_OUTPUT_H

#include "base/extent.h"
#include "net/bytes.h"

struct output_part;
struct tls_session;

struct output {
    struct output_part *first;
    struct output_part *last;
    size_t parts;
    size_t unsent;   /* bytes in memory */
    uint64_t queued; /* bytes, ever */
};

/* Adds bytes (consumed; may be NULL) and behind them tail, which must live for ever. */
void output_add(struct output *o, struct net_bytes *bytes, struct str tail);

/* Adds bytes (consumed, not empty) as one chunk of a chunked answer. */
void output_add_chunk(struct output *o, struct net_bytes *bytes);

/* Adds a file's bytes, and takes its descriptor. They are read a piece at a time, when what stands
 * before them is sent. Not empty. */
void output_add_file(struct output *o, struct extent take);

enum output_result {
    OUTPUT_DONE, /* nothing is left */
    OUTPUT_WAIT, /* the socket takes no more now, or others are to have their turn */
    OUTPUT_GONE, /* the other side is gone, or a file cannot be read */
};

/* Sends what the socket takes, over TLS unless that is NULL; never blocks, never raises SIGPIPE. */
enum output_result output_flush(struct output *o, int fd, struct tls_session *tls);

/* Memory that it holds for what is unsent, with what each part takes beside its bytes. */
size_t output_weight(const struct output *o);

/* Drops everything. */
void output_fini(struct output *o);

#endif
