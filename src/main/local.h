/* Commands that write talk to a server over the data folder's admin socket, as the operator: to the
 * one that is running, or, when none is, to one that this process runs for as long as the command
 * takes. One path for both. */
#ifndef MAIN_LOCAL_H
#define MAIN_LOCAL_H

#include "base/json.h"
#include "main/command.h"

struct local;

/* On failure the exit code, after complaining. The caller ends it. */
enum exit_code local_open(struct local **ret);
void local_close(struct local **l);

struct local_call {
    const char *method;
    struct str path;
    struct str token;         /* empty: as the operator of the installation */
    const char *content_type; /* NULL: application/json */
    struct str body;
    bool whole; /* *ret is the whole reply, page and all, not only its data */
};

/* One exchange; *ret is the reply's data (NULL without one). Complains of a refusal in the server's
 * words. */
enum exit_code local_run(struct local *l, const struct local_call *call, json_t **ret);

/* A token to act for a tenant. */
enum exit_code local_act(struct local *l, struct str tenant, const char *reason,
                         struct str *ret_token);

/* What results live in until local_close. */
struct arena *local_arena(struct local *l);

#endif
