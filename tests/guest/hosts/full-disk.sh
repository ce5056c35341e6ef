# a leak beside a bigger primary, and no space where the daemon keeps its state
. hosts/lib.inc

fill_state_directory
if [ "$contender" = jettison ]; then
    trap 'systemctl stop jettison; umount "$state"; systemctl start jettison' EXIT
    restart_jettison
else
    trap 'umount "$state"' EXIT
fi
leaks 20
if [ "$contender" = jettison ]; then
    says 'o space left' || wrong "nothing was said of the full disk"
fi
