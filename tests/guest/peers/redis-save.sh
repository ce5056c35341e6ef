# a save of Redis
# All values are written anew meanwhile, so that nothing is shared with the child that saves.
. peers/lib.inc

redis_log=/var/log/redis/redis-server.log
starts() { grep -c 'Ready to accept connections' "$redis_log" || true; }
ends() { grep -c 'bye bye' "$redis_log" || true; }
crash() { grep -q 'crashed by signal' "$redis_log"; }
telling() { told "$redis_log" 'Background saving\|SIGTERM\|DB saved on disk\|bye bye'; }
# A server that cannot save any more refuses what is written.
answers() { test "$(redis-cli set probe 1)" = OK; }
is_saving() { redis-cli info persistence | grep -q rdb_bgsave_in_progress:1; }

rm -f "$redis_log" /var/lib/redis/dump.rdb
grep -q '^enable-debug-command' /etc/redis/redis.conf ||
    printf 'enable-debug-command yes\nsave 3600 1000000000\n' >> /etc/redis/redis.conf
systemctl start redis-server
within 30 answers
redis-cli debug populate 2400 key 128000
redis-cli config set rdb-key-save-delay 20000
redis-cli bgsave
number=0
while goes_on redis-server && is_saving; do
    # A server that is short of memory may refuse it, or be gone.
    timeout 20 redis-cli eval "local all = string.rep('y', 128000)
        for i = 0, 99 do redis.call('setrange', 'key:' .. (ARGV[1] * 100 + i), 0, all) end" 0 "$((number % 24))" || true
    number=$((number + 1))
done > /dev/null
timeout 10 redis-cli config set rdb-key-save-delay 0 || true
kept redis-server answers
