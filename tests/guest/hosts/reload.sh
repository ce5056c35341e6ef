# a leak beside a bigger primary, while the daemon is given its configuration anew, each second
. hosts/lib.inc

# Those that cannot reload are started anew.
reloads() {
    while sleep 1; do
        systemctl reload-or-restart "$(contender_unit)"
    done
}

starts primary --hold-mib 220
if [ "$contender" != kernel ]; then
    reloads &
    echo $! >> "$clients/pids"
fi
starts hog --hold-mib 16 --leak-mib-per-s 20
over 60 hog primary
