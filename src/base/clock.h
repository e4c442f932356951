/* The only reader of clocks. Wall time is microseconds since 1970 UTC (what is stored and shown);
 * monotonic time is microseconds since some start (what deadlines and durations are made of). Any
 * thread. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/str.h"

#define MS_US     ((int64_t)1000)
#define SECOND_US ((int64_t)1000 * 1000)
#define MINUTE_US (60 * SECOND_US)
#define HOUR_US   (60 * MINUTE_US)
#define DAY_US    (24 * HOUR_US)

/* Now, in microseconds. */
int64_t clock_wall_us(void);
int64_t clock_mono_us(void);

/* How far wall time has jumped against monotonic time, and nobody has followed yet: microseconds,
 * below zero when it was set back; 0 for less than two seconds, and at the first look. (Time in
 * which the machine slept is such a jump.) Until it was followed, due times and leases mean
 * nothing. */
int64_t clock_look(void);

/* Whoever looks after due times and leases has moved them by such a jump. One thread. */
void clock_follow(int64_t step_us);

/* The last jump that was followed, and how long ago; false: none. */
bool clock_jumped(int64_t *ret_step_us, int64_t *ret_ago_us);

/* The time before which things are age_us old, for throwing them away. For a day after a jump
 * forward the jump does not count: so a clock that is wrong for an hour deletes nothing. */
int64_t clock_before_us(int64_t now_us, int64_t age_us);

/* Blocks the thread; for waits that nothing can wake, which only start-up and tests have. */
void clock_sleep_us(int64_t us);

/* RFC 3339 in UTC with milliseconds, "2026-11-20T12:00:00.123Z", in the arena; years 0000-9999. */
struct str clock_rfc3339(struct arena *a, int64_t wall_us);

/* The way back: "Z" or an offset, up to six digits of a second. False for anything else. */
bool clock_parse_rfc3339(struct str s, int64_t *ret_wall_us);

/* IMF-fixdate for HTTP's Date header: writes 29 signs and a NUL. */
void clock_http_date(int64_t wall_us, char ret[30]);

#endif
