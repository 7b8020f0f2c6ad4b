-- What the harness asks of the PostgreSQL that everybody shares.

-- name: changed_settings
-- Settings that somebody chose, as the report states them; where files lie is of no interest.
SELECT name, current_setting(name) FROM pg_settings
WHERE source IN ('configuration file', 'command line') AND name !~ '(directory|directories|file|port|addresses|log_|logging|cluster_name|TimeZone|timezone|lc_|permissions|DateStyle|text_search|dynamic_shared)'
UNION SELECT name, current_setting(name) FROM pg_settings WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes', 'wal_level', 'wal_sync_method')
ORDER BY 1;

-- name: databases
SELECT datname FROM pg_database WHERE datname LIKE %(beginning)s;

-- name: backends
-- Who is connected, by the name each gave.
SELECT pid, application_name FROM pg_stat_activity WHERE backend_type = 'client backend';

-- name: growth
-- Bytes of write-ahead log so far; bytes, dead rows and automatic vacuums of this database's tables.
SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint, pg_database_size(current_database()),
       (SELECT sum(n_dead_tup)::bigint FROM pg_stat_user_tables), (SELECT sum(autovacuum_count)::bigint FROM pg_stat_user_tables);

-- name: table_sizes
-- The largest tables with their indexes in bytes, partitions under the name of the whole.
SELECT coalesce(parent.relname, c.relname), sum(pg_total_relation_size(c.oid))::bigint AS bytes
FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid LEFT JOIN pg_class parent ON parent.oid = i.inhparent
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
GROUP BY 1 ORDER BY 2 DESC LIMIT 8;
