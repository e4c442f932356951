/* For tests, of this floor and of those above: a database of its own in a fresh folder. */
#ifndef DB_FIXTURE_H
#define DB_FIXTURE_H

#include "db/db.h"

struct db_fixture {
    char dir[64];
    char path[80];
    char lock_path[80];
    struct db_options options; /* path and check_plans set */
    struct db *db;
};

/* Makes the folder and the options; opens nothing. */
void db_fixture_init(struct db_fixture *f);

/* Opens with options; prints the reason and aborts when that fails. */
void db_fixture_open(struct db_fixture *f);

/* Closes, and removes the folder with all that is in it. */
void db_fixture_fini(struct db_fixture *f);

/* A unit of work of the platform, or of some tenant (SCOPED(cx_end) struct cx cx = …). */
struct cx db_fixture_platform(struct db_fixture *f);
struct cx db_fixture_tenant(struct db_fixture *f, uint8_t number);

/* Runs many statements as one schema change. */
void db_fixture_script(struct db_fixture *f, const char *sql);

/* The single number that a platform-scoped query gives. */
int64_t db_fixture_number(struct db_fixture *f, const char *sql);

#endif
