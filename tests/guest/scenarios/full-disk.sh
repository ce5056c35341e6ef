# the state directory is on a disk that is full: a leak is ended all the same, and nothing waits for the disk
. ./lib.sh

install_jettison
systemctl stop jettison
fill_state_directory
enforce < /dev/null
workload primary --hold-mib 200
sleep 5
expect_a_leak_goes
figure "it says: $(log | grep -i 'no space' | head -n 1)"
expect "it says nothing of the full disk" says 'o space left'
expect_services_untouched
