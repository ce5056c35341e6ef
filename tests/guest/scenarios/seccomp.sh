# a system call that the unit's filter refuses ends the daemon here: a start, a rescue, a reload and a stop need none
. ./lib.sh

install_jettison
mkdir -p /etc/systemd/system/jettison.service.d
printf '[Service]\nSystemCallErrorNumber=\n' > /etc/systemd/system/jettison.service.d/kill.conf
systemctl daemon-reload
expect "the filter answers $(property jettison SystemCallErrorNumber)" test "$(property jettison SystemCallErrorNumber)" != 1
figure "SystemCallErrorNumber=$(property jettison SystemCallErrorNumber)"
# So that policies are compiled, by a child that gives up what it could do.
rm -r /usr/lib/jettison/compiled
enforce < /dev/null
expect "no policy is compiled after 120 s" within 120 sh -c 'jettison status | grep -q "^balanced .* active"'
jettison status
workload leak --hold-mib 16 --leak-mib-per-s 30
expect "the leak goes on after 60 s" within 60 is_inactive leak
expect "systemctl reload fails" systemctl reload jettison
jettison status
expect "it was ended: $(property jettison Result), restarted $(property jettison NRestarts) times" \
    test "$(property jettison Result) $(property jettison NRestarts)" = "success 0"
systemctl stop jettison
expect "it ended by $(property jettison Result)" test "$(property jettison Result)" = success
expect_no_denial
expect_services_untouched
