# memory gets short beside a cold unit, with swap: the kernel takes it back, and no process is ended
. ./lib.sh

install_jettison
dd if=/dev/zero of=/var/tmp/swap bs=1M count=300 status=none
chmod 600 /var/tmp/swap
mkswap --quiet /var/tmp/swap
swapon /var/tmp/swap
sysctl --quiet --write vm.swappiness=1
enforce <<'CONFIG'
[reclaim]
memcgs = ["/system.slice"]
CONFIG
workload cold --hold-mib 220
sleep 15
record_signals
workload warm --hold-mib 16 --leak-mib-per-s 4 --leak-max-mib 150
sleep 75
swapped=$(awk '{ print int($1 / 1048576) }' /sys/fs/cgroup/system.slice/cold.service/memory.swap.current)
bites=$(log | grep --count 'reclaim .* is done')
figure "$bites bites, $swapped MiB of the cold unit in swap"
log | grep reclaim
expect "nothing was reclaimed" says 'reclaim /system.slice/cold.service is done'
expect "a signal was sent: $(signals jettison)" test -z "$(signals jettison)"
for unit in cold warm; do
    expect "$unit is gone" is_active $unit
done
expect_services_untouched
