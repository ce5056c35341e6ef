# the state directory is on a disk that is full: a leak is ended all the same, and nothing waits for the disk
. ./lib.sh

install_jettison
systemctl stop jettison
mount -t tmpfs -o size=64k tmpfs /var/lib/jettison
chmod 700 /var/lib/jettison
dd if=/dev/zero of=/var/lib/jettison/full bs=4k 2> /dev/null || true
enforce < /dev/null
workload primary --hold-mib 200
sleep 5
record_signals
workload leak --hold-mib 16 --leak-mib-per-s 20
began=$(now)
expect "the leak goes on after 60 s" within 60 is_inactive leak
figure "leak ended after $(since "$began") s"
sleep 3
figure "it says: $(log | grep -i 'no space' | head -n 1)"
expect "it says nothing of the full disk" says 'o space left'
expect "other signals were sent: $(signals jettison)" test "$(signals jettison)" = "15 workload"
expect "the primary is gone" is_active primary
expect "jettison was restarted" test "$(property jettison NRestarts)" = 0
expect_services_untouched
