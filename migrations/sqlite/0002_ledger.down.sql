DROP TABLE cron_runs;
DROP TABLE idempotency_keys;
DROP TABLE jobs;
DROP TABLE events;
DROP TABLE event_numbers;
