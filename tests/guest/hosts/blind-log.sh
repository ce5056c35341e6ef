# a leak beside a bigger primary, while the log is not read: journald is stopped, and its sockets are full
. hosts/lib.inc

starts primary --hold-mib 220
systemctl kill --signal=STOP systemd-journald
# Until a line more would have to wait.
timeout 5 sh -c 'while :; do echo full; done' | timeout 5 systemd-cat > /dev/null 2>&1 || true
timeout 5 sh -c 'while timeout 1 logger --journald /dev/null; do :; done' || true
starts hog --hold-mib 16 --leak-mib-per-s 20
over 60 hog primary
systemctl kill --signal=CONT systemd-journald
