# a leak beside a bigger primary, while the daemon is given its configuration anew, each second
. hosts/lib.inc

done_so="$clients/reloads"
refused="$clients/refused"
rm -f "$refused"
: > "$done_so"
# Those that cannot reload are started anew.
reloads() {
    while sleep 1; do
        if systemctl reload-or-restart "$(contender_unit)"; then
            echo >> "$done_so"
        else
            echo >> "$refused"
        fi
    done
}
# Without that of threads that have ended, such as those that prepare a reload.
major_faults() { cat /proc/"$(property jettison MainPID)"/task/*/stat | sed 's/.*) //' | awk '{ sum += $10 } END { print sum }'; }

starts primary --hold-mib 220
if [ "$contender" != kernel ]; then
    [ "$contender" != jettison ] || faults=$(major_faults)
    reloads &
    echo $! >> "$clients/pids"
fi
starts hog --hold-mib 16 --leak-mib-per-s 20
over 60 hog primary
if [ "$contender" = jettison ]; then
    figure "major faults of the threads that stay: $(($(major_faults) - faults)); reloads: $(wc -l < "$done_so")"
    [ ! -e "$refused" ] && [ "$(wc -l < "$done_so")" -ge 3 ] || wrong "reloads were refused, or fewer than three"
fi
