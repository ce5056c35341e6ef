# MariaDB, a session that grows
# The server is one process: nothing less can go.
. peers/lib.inc

mariadb_log=/run/mysqld.log
starts() { grep -c 'ready for connections' "$mariadb_log" || true; }
ends() { grep -c 'Shutdown complete' "$mariadb_log" || true; }
crash() { grep -q 'Starting crash recovery\|got signal' "$mariadb_log"; }
telling() { told "$mariadb_log" 'Starting crash recovery\|Normal shutdown\|Shutdown complete\|ready for connections'; }
answers() { mariadb -e 'SELECT 1'; }

printf '[mariadbd]\nlog_error = %s\ninnodb_buffer_pool_size = 16M\n' "$mariadb_log" > /etc/mysql/mariadb.conf.d/90-scene.cnf
: > "$mariadb_log"
chown mysql "$mariadb_log"
systemctl start mariadb
within 30 answers > /dev/null
client mariadb -e "SET max_heap_table_size = 734003200; USE mysql;
    CREATE TEMPORARY TABLE t (c CHAR(200), s INT) ENGINE = MEMORY;
    INSERT INTO t SELECT REPEAT('x', 200), IF(seq % 2000 = 0, SLEEP(0.01), 0) FROM seq_1_to_4000000"
while goes_on mariadb && alive "$last"; do
    sleep 0.5
done
kept mariadb answers
