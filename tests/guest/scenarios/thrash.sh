# a working set in the page cache that fits no longer, while a quarter of the memory is called available
. ./lib.sh

install_jettison
enforce < /dev/null
dd if=/dev/urandom of=/var/tmp/set bs=1M count=320 status=none
workload steady --hold-mib 60
# A disk of 500 operations in a second, as one that turns has at best.
device=$(findmnt --noheadings --output SOURCE /)
for reader in 1 2 3; do
    systemd-run --quiet --unit="reader$reader" --property="IOReadIOPSMax=$device 170" \
        /payload/workload --hold-mib 4 --read-file /var/tmp/set
done
sleep 20
record_signals
workload hog --hold-mib 16 --leak-mib-per-s 15 --leak-max-mib 240

# When all tasks have stalled for 4 of the last 10 s, by the kernel's own sum.
stall() { awk '$1 == "full" { sub("total=", "", $5); print $5 }' /proc/pressure/memory; }
available() { awk '$1 == "MemAvailable:" { print int($2 / 1024) }' /proc/meminfo; }
samples=/run/stalls
stalled_at=
for _ in $(seq 120); do
    stall >> $samples
    before=$(tail -n 11 $samples | head -n 1)
    if [ -z "$stalled_at" ] && [ "$(wc -l < $samples)" -gt 11 ] && [ $(($(stall) - before)) -ge 4000000 ]; then
        stalled_at=$(now)
        figure "all tasks stalled for 4 of 10 s with $(available) MiB available"
    fi
    is_inactive hog && break
    sleep 1
done
if [ -n "$stalled_at" ]; then
    figure "first signal $(since "$stalled_at") s after that"
else
    figure "no stall of 4 in 10 s was seen before the first signal"
fi
figure "signals of jettison: $(signals jettison | tr '\n' ' ')"
expect "the hog goes on" is_inactive hog
expect "other signals were sent: $(signals jettison)" test "$(signals jettison)" = "15 workload"
for unit in steady reader1 reader2 reader3; do
    expect "$unit is gone" is_active $unit
done
jettison history
expect_services_untouched
