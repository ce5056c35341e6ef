# kill -9 of a daemon that holds values: systemd starts it again, values are held again, and put back in the end
. ./lib.sh

install_jettison
systemctl start redis-server
original=$(adj redis-server)
enforce < /dev/null
holds() { [ "$(adj redis-server)" != "$original" ]; }
expect "no value is held" within 30 holds
held=$(adj redis-server)
figure "oom_score_adj $original, held $held"

for round in 1 2 3; do
    pid=$(property jettison MainPID)
    killed=$(now)
    kill -9 "$pid"
    is_new() { is_active jettison && [ "$(property jettison MainPID)" != "$pid" ]; }
    expect "it is not active again within 20 s" within 20 is_new
    figure "kill to active $(since "$killed" "$(property_s jettison ActiveEnter)") s," \
        "start to ready $(since "$(property_s jettison InactiveExit)" "$(property_s jettison ActiveEnter)") s"
    expect "$round: the value is not held again" within 30 holds
done
expect "it did not put values back" says 'put back the oom_score_adj values'
expect "systemd counts $(property jettison NRestarts) restarts" test "$(property jettison NRestarts)" = 3

systemctl stop jettison
expect "the value is $(adj redis-server) at the end" test "$(adj redis-server)" = "$original"

# After a crash without a restart the values stay, until a daemon that is to hold none starts.
systemctl start jettison
expect "no value is held after a start" within 30 holds
mkdir -p /run/systemd/system/jettison.service.d
printf '[Service]\nRestart=no\n' > /run/systemd/system/jettison.service.d/no.conf
systemctl daemon-reload
kill -9 "$(property jettison MainPID)"
expect "it is still active" within 10 is_inactive jettison
expect "the value went with the daemon" test "$(adj redis-server)" = "$held"
printf '[adjust]\nenabled = false\n' >> /etc/jettison/jettison.toml
systemctl reset-failed jettison
systemctl start jettison
expect "the value is $(adj redis-server) after a start that holds none" test "$(adj redis-server)" = "$original"
expect_no_denial
expect_services_untouched
