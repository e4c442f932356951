/* For tests: a file layer between SQLite and the system that fails, counts or holds back what it is
 * told to. It stands under every database that is opened after db_fault_install. Any thread. */
#ifndef DB_FAULT_H
#define DB_FAULT_H

#include "base/base.h"

enum db_fault_op { DB_FAULT_WRITE, DB_FAULT_SYNC, DB_FAULT_OPS };

/* Once, before the first database is opened. */
void db_fault_install(void);

/* The nth operation from now (1: the next) fails with this SQLite code (SQLITE_FULL,
 * SQLITE_IOERR_FSYNC …), and all later ones too when for_ever. 0 clears. */
void db_fault_at(enum db_fault_op op, int nth, int code, bool for_ever);

/* Whether the fault that was set last came to pass. */
bool db_fault_fired(void);

/* Holds every sync back until it is let go. */
void db_fault_hold_syncs(bool hold);

/* Blocks until some thread is held in a sync. */
void db_fault_await_held(void);

#endif
