# An idle system with nothing due: CPU of sender, clerk and planner together, and transactions in their database, over 30
# seconds. Autovacuum is off meanwhile, because its own transactions would be counted.
# The aims: under 0.1 % of a core; no statement of the sender but its heartbeat every ten minutes.

db=sent
need_friends c1 200
span=$(full 30 10)
sql -c 'SELECT 1' >/dev/null
db=postgres role=postgres sql -c 'ALTER SYSTEM SET autovacuum = off' -c 'SELECT pg_reload_conf()' >/dev/null
pids=$(ask "SELECT string_agg(pid::text, ' ') FROM pg_stat_activity WHERE backend_type IN ('linecrm sender', 'linecrm clerk', 'linecrm planner')")
say "$span s of doing nothing"
sleep 5
transactions() { db=postgres ask "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = 'sent'"; }
before=$(transactions) ticks=$(cpu_ticks $pids)
sleep "$span"
ticks=$(($(cpu_ticks $pids) - ticks)) after=$(transactions)
db=postgres role=postgres sql -c 'ALTER SYSTEM RESET autovacuum' -c 'SELECT pg_reload_conf()' >/dev/null

table "Idle for $span s"
row "CPU of sender, clerk and planner together" "$(calc "$ticks / $span")" "% of a core" "aim: 0.1 %"
row "transactions in the database" "$((after - before))" "" "house-work of the planner: 1 a minute"
