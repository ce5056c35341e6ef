# a leak beside a bigger primary, and no space where the daemon keeps its state
state=/var/lib/jettison
mkdir -p "$state"
mount -t tmpfs -o size=64k tmpfs "$state"
chmod 700 "$state"
dd if=/dev/zero of="$state/full" bs=4k 2> /dev/null || true
if [ "$contender" = jettison ]; then
    trap 'systemctl stop jettison; umount "$state"; systemctl start jettison' EXIT
    systemctl restart jettison
else
    trap 'umount "$state"' EXIT
fi
. hosts/lib.inc

starts primary --hold-mib 220
starts hog --hold-mib 16 --leak-mib-per-s 20
over 60 hog primary
if [ "$contender" = jettison ]; then
    says 'o space left' || wrong "nothing was said of the full disk"
fi
