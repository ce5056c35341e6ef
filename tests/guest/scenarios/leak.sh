# as installed, set to enforce: a leak beside a bigger primary service goes, and nothing else
. ./lib.sh

install_jettison
enforce < /dev/null
workload primary --hold-mib 200
sleep 2
record_signals
workload leak --hold-mib 16 --leak-mib-per-s 20
began=$(now)
expect "the leak goes on after 60 s" within 60 is_inactive leak
figure "leak ended after $(since "$began") s"
sleep 3

figure "signals of jettison: $(signals jettison | tr '\n' ' ')"
expect "other signals were sent: $(signals jettison)" test "$(signals jettison)" = "15 workload"
expect "the primary is gone" is_active primary
expect "jettison was restarted" test "$(property jettison NRestarts)" = 0
jettison history
expect_no_denial
expect_services_untouched
