# a unit that is throttled at its memory.high stands still on a host that is half free: a part of it goes
. ./lib.sh

install_jettison
enforce < /dev/null
workload bystander --hold-mib 150
record_signals
systemd-run --quiet --unit=throttled --property=MemoryHigh=120M --property=OOMPolicy=continue \
    /bin/sh -c '/payload/workload --hold-mib 70 & exec /payload/workload --hold-mib 16 --leak-mib-per-s 10'
began=$(now)
has_signalled() { [ -n "$(signals jettison)" ]; }
expect "nothing of the unit went within 90 s" within 90 has_signalled
figure "first signal after $(since "$began") s, $(awk '$1 == "MemAvailable:" { print int($2 / 1024) }' /proc/meminfo) MiB available"
sleep 3
figure "signals of jettison: $(signals jettison | tr '\n' ' ')"
expect "the bystander is gone" is_active bystander
jettison history
expect_services_untouched
