/* For tests of the rooms: a database of its own with every migration applied, and two tenants. */
#ifndef DOMAIN_LEDGER_ROOM_FIXTURE_H
#define DOMAIN_LEDGER_ROOM_FIXTURE_H

#include "db/db_fixture.h"
#include "domain/ledger/event.h"

enum { ROOM_TENANTS = 2 };

struct room_fixture {
    struct db_fixture f;
    struct tenant_id tenant[ROOM_TENANTS];
};

/* The one of this test program. */
extern struct room_fixture room;

/* Setup and teardown of cmocka: a new database for each test. */
int room_setup(void **state);
int room_teardown(void **state);

/* A unit of work of a tenant (0 or 1), or of the platform (SCOPED(cx_end) struct cx cx = …). */
struct cx room_cx(int tenant);
struct cx room_platform(void);

/* A platform-scoped statement of this text. The database knows statements by their address, so it
 * is an object that stays. One thread. */
const struct db_stmt *room_statement(const char *sql);

/* Runs one statement as the platform in a transaction of its own, for what no room would do. */
enum err room_sql(const char *sql);

/* The number that a query gives. */
int64_t room_number(const char *sql);

/* Runs fn(arg, i) on n threads at once and waits for all. */
void room_threads(int n, void (*fn)(void *arg, int i), void *arg);

/* The test ends here with the words of cx when e is not what is wanted. */
#define want(cx, wanted, expr) room_want((cx), (wanted), (expr), #expr, __FILE__, __LINE__)
void room_want(struct cx *cx, enum err wanted, enum err e, const char *what, const char *file,
               int line);

#endif
