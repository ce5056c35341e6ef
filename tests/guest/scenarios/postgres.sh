# PostgreSQL is the only thing to give: it is shut down cleanly, and does not recover on its next start
. ./lib.sh

install_jettison
cluster=postgresql@15-main
pg_conftool 15 main set shared_buffers 400MB
enforce <<CONFIG

[guard]
never = [{ unit = "primary.service" }]
CONFIG
systemctl start "$cluster"
workload primary --hold-mib 150
record_signals
began=$(now)
sql() { setpriv --reuid=postgres --regid=postgres --clear-groups psql --quiet --dbname postgres "$@"; }
sql --command 'CREATE TABLE t (r text)'
while is_active "$cluster" && [ "$(since "$began" | cut -d. -f1)" -lt 150 ]; do
    sql --command 'INSERT INTO t SELECT repeat(md5(g::text), 30) FROM generate_series(1, 5000) AS g' || sleep 0.2
done
expect "PostgreSQL is still up" within 30 is_inactive "$cluster"
figure "stopped after $(since "$began") s"
sleep 2

jettison history
expect "jettison did not ask for the stop" says "stop-unit $cluster"
expect "SIGKILL was sent: $(signals any | grep '^9 ')" test -z "$(signals any | grep '^9 ' || true)"
expect "the primary is gone" is_active primary
figure "signals of jettison: $(signals jettison | tr '\n' ' ')"
pg_log=/var/log/postgresql/postgresql-15-main.log
expect "it was not shut down cleanly" grep --quiet 'database system is shut down' "$pg_log"
expect "the unit's result is $(property "$cluster" Result)" test "$(property "$cluster" Result)" = success
systemctl stop jettison
pg_conftool 15 main set shared_buffers 32MB
systemctl start "$cluster"
expect "it answers no query" sql --command 'SELECT count(*) FROM t'
recovered='not properly shut down\|recovery\|terminated by signal'
expect "its log: $(grep "$recovered" "$pg_log" | head -n 3)" test -z "$(grep "$recovered" "$pg_log" || true)"
cat "$pg_log"
expect_no_denial
expect_services_untouched
