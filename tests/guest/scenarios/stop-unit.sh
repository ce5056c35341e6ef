# Redis leaks and is the only thing to give: its unit is stopped by StopUnit, and saves
. ./lib.sh

install_jettison
enforce <<CONFIG

[guard]
never = [{ unit = "primary.service" }]
CONFIG
systemctl start redis-server
workload primary --hold-mib 150
record_signals
began=$(now)
fill='for i = 1, 4000 do redis.call("set", KEYS[1] .. ":" .. i, string.rep(KEYS[1], 200)) end'
key=0
while is_active redis-server && [ "$(since "$began" | cut -d. -f1)" -lt 120 ]; do
    key=$((key + 1))
    redis-cli eval "$fill" 1 "key$key" > /dev/null 2>&1 || sleep 0.2
done
expect "Redis is still up" within 30 is_inactive redis-server
figure "stopped after $(since "$began") s, $key loads of 4 MB"
sleep 3

jettison history
figure "signals of jettison: $(signals jettison | tr '\n' ' ')"
expect "jettison did not ask for the stop" says 'stop-unit redis-server.service'
expect "jettison sent signals: $(signals jettison)" test -z "$(signals jettison)"
expect "systemd did not end it" test -n "$(signals systemd | grep '^15 redis-server')"
expect "SIGKILL was sent: $(signals any | grep '^9 ')" test -z "$(signals any | grep '^9 ' || true)"
# It has Restart=always: only an administrator's stop, which StopUnit is, leaves it down.
expect "the unit's result is $(property redis-server Result)" test "$(property redis-server Result)" = success
expect "Redis did not save" grep --quiet 'DB saved on disk' /var/log/redis/redis-server.log
expect "the primary is gone" is_active primary
expect_no_denial
expect_services_untouched
