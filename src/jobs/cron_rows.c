/* The recurring jobs of the rooms: one line each below, at the end. */
#include "jobs/cron.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "domain/account/apikey.h"
#include "domain/account/ticket.h"
#include "domain/conversation/conversation.h"
#include "domain/ledger/event.h"
#include "domain/ledger/idempotency.h"
#include "domain/ledger/job.h"

/* Before anything else looks at the clock: due times and leases move with it. */
static enum err follow_clock(struct cx *cx, void *user, int64_t *ret_count)
{
    const int64_t step_us = clock_look();
    (void)user;
    if (step_us) {
        TRY(job_shift(cx, step_us, ret_count));
        clock_follow(step_us);
        metric_add(METRIC_CLOCK_JUMPS, NULL, 1);
        log_ev(cx, LOG_WARN, "clock_jumped", LOG_I64("stepMs", step_us / MS_US));
    }
    return ERR_OK;
}

static enum err free_leases(struct cx *cx, void *user, int64_t *ret_count)
{
    (void)user;
    return clock_look() ? ERR_OK : job_free_leases(cx, false, ret_count);
}

static enum err sweep_idempotency(struct cx *cx, void *user, int64_t *ret_count)
{
    (void)user;
    return idempotency_sweep(cx, ret_count);
}

static enum err sweep_tickets(struct cx *cx, void *user, int64_t *ret_count)
{
    (void)user;
    return ticket_sweep(cx, ret_count);
}

static enum err sweep_events(struct cx *cx, void *user, int64_t *ret_count)
{
    (void)user;
    return event_sweep(cx, ret_count);
}

static enum err sweep_jobs(struct cx *cx, void *user, int64_t *ret_count)
{
    (void)user;
    return job_sweep(cx, ret_count);
}

static enum err note_keys(struct cx *cx, void *user, int64_t *ret_count)
{
    (void)user;
    return apikey_note_used(cx, ret_count);
}

static enum err count_dead(struct cx *cx, void *user, int64_t *ret_count)
{
    int64_t pending;
    int64_t running;
    (void)user;
    TRY(job_count(cx, &pending, &running, ret_count));
    metric_set(METRIC_JOBS_DEAD, NULL, (double)*ret_count);
    return ERR_OK;
}

static enum err count_conversations(struct cx *cx, void *user, int64_t *ret_count)
{
    (void)user;
    TRY(conversation_count_active(cx, ret_count));
    metric_set(METRIC_CONVERSATIONS_ACTIVE, NULL, (double)*ret_count);
    return ERR_OK;
}

const struct cron_job cron_rows[] = {
    {"clock", SECOND_US / 2, follow_clock, true},
    {"lease_sweep", 5 * SECOND_US, free_leases, false},
    {"idempotency_sweep", 10 * MINUTE_US, sweep_idempotency, false},
    {"ticket_sweep", 10 * MINUTE_US, sweep_tickets, false},
    {"event_retention", HOUR_US, sweep_events, false},
    {"dead_job_retention", HOUR_US, sweep_jobs, false},
    {"api_key_use", MINUTE_US, note_keys, true},
    {"dead_job_gauge", 15 * SECOND_US, count_dead, true},
    {"conversation_gauge", MINUTE_US, count_conversations, true},
    {},
};
