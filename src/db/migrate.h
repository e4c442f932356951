/* Migrations over any list of them: what db.h offers for the program's own list. */
#ifndef DB_MIGRATE_H
#define DB_MIGRATE_H

#include "db/db.h"

struct migration_list {
    const struct db_migration *items; /* by rising version */
    size_t count;
};

/* As db_migrate_status, db_migrate_up and db_migrate_down. cx has SCOPE_PLATFORM. */
enum err migrate_status(struct cx *cx, struct migration_list list, struct db_migrate_status *ret);
enum err migrate_up(struct cx *cx, struct migration_list list, int *ret_count);
enum err migrate_down(struct cx *cx, struct migration_list list, int count, int *ret_count);

/* Compares two sorted schemas; a line for each difference, in the arena. Pure. */
struct str migrate_differences(struct arena *a, const struct db_rows *expected,
                               const struct db_rows *real);

#endif
