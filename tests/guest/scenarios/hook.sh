# a hook starts another unit out of the daemon's sandbox, before a leak is ended
. ./lib.sh

cat > /etc/systemd/system/told.service <<UNIT
[Service]
Type=oneshot
ExecStart=/bin/touch /run/told
UNIT
install_jettison
enforce <<CONFIG

[hooks.told]
command = ["/usr/bin/systemctl", "start", "--no-block", "told.service"]

[notify]
warn = ["hook:told"]
CONFIG
record_signals
workload leak --hold-mib 16 --leak-mib-per-s 15
began=$(now)
expect "the unit was not started" within 60 test -e /run/told
figure "told after $(since "$began") s"
expect "the leak goes on after 60 s" within 60 is_inactive leak
figure "leak ended after $(since "$began") s"
expect "other signals were sent: $(signals jettison)" test "$(signals jettison)" = "15 workload"
log | grep -e hook
expect_no_denial
expect_services_untouched
