/* Socket.IO 5 packets as text: a sign for the type, the count of attachments that follow, the
 * namespace, the id of an acknowledgement, JSON. What is read was sent by a client. Pure. Any
 * thread. Source: Socket.IO protocol 5. */
#ifndef REALTIME_SIO_PACKET_H
#define REALTIME_SIO_PACKET_H

#include "base/buf.h"
#include "base/json.h"

enum sio_type {
    SIO_CONNECT,
    SIO_DISCONNECT,
    SIO_EVENT,
    SIO_ACK,
    SIO_CONNECT_ERROR, /* from servers only */
    SIO_BINARY_EVENT,
    SIO_BINARY_ACK,
};

enum {
    SIO_MAX_NSP = 256, /* bytes of a namespace's name */
    SIO_NO_ACK = -1,
};

/* What stands before the JSON. The texts are within what was read. */
struct sio_head {
    enum sio_type type;
    int attachments;
    struct str nsp; /* "/" for the main one */
    int64_t ack;    /* SIO_NO_ACK: none */
    struct str json;
};

/* False when it is no packet, or one that a client may not send, or announces more than
 * max_attachments. The JSON is not looked at. */
bool sio_head_parse(struct str text, int max_attachments, struct sio_head *ret);

/* Reads the JSON of a packet whose attachments are all there, in cx's arena. ERR_INVALID when it
 * does not go with the type (an object or nothing for CONNECT; nothing for DISCONNECT; an array
 * that begins with a name that is not Socket.IO's own for events; an array for acknowledgements),
 * is nested too deeply, or has a place for an attachment that did not come. *ret is NULL for
 * nothing. */
enum err sio_json_parse(struct cx *cx, const struct sio_head *head, json_t **ret);

/* The values behind the name of an event, as text: "1,2" of ["a",1,2]; json is a checked one. */
struct str sio_values_text(struct str json);

/* Whether an event may be called so: Socket.IO's own events are not to be sent. */
bool sio_name_ok(struct str name);

/* Writes what stands before the JSON: type, attachments, namespace, acknowledgement. */
void sio_head_print(struct buf *out, enum sio_type type, size_t attachments, struct str nsp,
                    int64_t ack);

#endif
