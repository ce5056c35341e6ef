# a file of twice the memory is read twice, as a backup does: nothing must die
. ./lib.sh

install_jettison
enforce < /dev/null
workload steady --hold-mib 200
record_signals
# The pages of the disk itself are page cache as those of a file are.
began=$(now)
for _ in 1 2; do
    dd if=/dev/nvme0n1 of=/dev/null bs=1M count=1300 status=none
done
figure "read twice in $(since "$began") s"
sleep 5
figure "signals of jettison: $(signals jettison | tr '\n' ' ')"
expect "a signal was sent: $(signals jettison)" test -z "$(signals jettison)"
expect "the steady one is gone" is_active steady
expect_services_untouched
