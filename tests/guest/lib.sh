# What scenarios share. `cargo xtask guest` reads figures, and what is wrong, from the console.

figure() { echo "GUEST FIGURE $*"; }
wrong() { echo "GUEST WRONG $*"; }

# expect WHAT COMMAND...: what is wrong unless the command succeeds.
expect() {
    what=$1
    shift
    "$@" || wrong "$what"
}

# Seconds since boot, by the clock of systemd's timestamps.
now() { cut -d' ' -f1 /proc/uptime; }

# since START [END]
since() { awk -v start="$1" -v end="${2:-$(now)}" 'BEGIN { printf "%.2f", end - start }'; }

# within SECONDS COMMAND...: whether it succeeds in time.
within() {
    until=$(($(now | cut -d. -f1) + $1))
    shift
    until "$@"; do
        [ "$(now | cut -d. -f1)" -lt "$until" ] || return 1
        sleep 0.1
    done
}

# property UNIT NAME
property() { systemctl show --property="$2" --value "$1"; }
# property_s UNIT NAME: seconds since boot, of the timestamp of that name.
property_s() { property "$1" "$2TimestampMonotonic" | awk '{ printf "%.2f", $1 / 1e6 }'; }
is_active() { systemctl --quiet is-active "$1"; }
# Not one that is still being stopped.
is_inactive() { case $(property "$1" ActiveState) in inactive | failed) ;; *) false ;; esac; }
kernel_kills() { awk '$1 == "oom_kill" { print $2 }' /proc/vmstat; }
adj() { cat "/proc/$(property "$1" MainPID)/oom_score_adj"; }
log() { journalctl --boot --no-pager --output cat --unit jettison; }
says() { log | grep --quiet -e "$1"; }

# module NAME: a module of the kernel, from the payload.
module() { [ -e "/sys/module/$(echo "$1" | tr - _)" ] || insmod "/payload/$1.ko"; }

# A file system of 64 KiB without space on the state directory.
fill_state_directory() {
    state=/var/lib/jettison
    mkdir -p "$state"
    mount -t tmpfs -o size=64k tmpfs "$state"
    chmod 700 "$state"
    # It fails in the end, for want of space: that is what it is for.
    dd if=/dev/zero of="$state/full" bs=4k 2> /dev/null || true
}

install_jettison() {
    DEBIAN_FRONTEND=noninteractive apt-get install --yes ./jettison_*.deb
    is_active jettison
}

# As docs/guide/deploy.md has it, without the check. Lines on the standard input are added to the configuration.
enforce() {
    sed -i 's/^mode = .*/mode = "enforce"/' /etc/jettison/jettison.toml
    cat >> /etc/jettison/jettison.toml
    systemctl restart jettison
}

# workload UNIT OPTION...: a service unit of our own, with the options of tests/vm/src/bin/workload.rs.
workload() {
    unit=$1
    shift
    systemd-run --quiet --unit="$unit" /payload/workload "$@"
}

# From now on every signal is recorded, with its sender.
record_signals() {
    [ -d /sys/kernel/tracing/events ] || mount -t tracefs tracefs /sys/kernel/tracing
    echo 1 > /sys/kernel/tracing/events/signal/signal_generate/enable
}

# signals SENDER: `15 redis-server`, each that it sent to another process, once. SENDER is a comm, `any` is all, and
# `jettison` is the daemon, whose children are `jettison`. SIGCHLD is the kernel's, at the end of a process.
signals() {
    sed -n 's/^ *\(.*\)-[0-9]* .*signal_generate: sig=\([0-9]*\) .* comm=\(.*\) pid=.*/\1 \2 \3/p' \
        /sys/kernel/tracing/trace | sed 's/\<jettisond\>/jettison/g' |
        awk -v from="$1" '($1 == from || from == "any") && $3 != from && $2 != 17 { print $2, $3 }' | sort -u
}

# What the sandbox forbids is EPERM or EACCES to the daemon, which says so.
expect_no_denial() {
    denied='[Pp]ermission denied\|not permitted\|EPERM\|EACCES\|os error 1\b\|os error 13\b\|needs CAP_\|SIGSYS'
    if says "$denied"; then
        wrong "denied: $(log | grep -e "$denied" | head -n 3 | tr '\n' '|')"
    fi
}

# A leak goes by one SIGTERM. Nothing else does, such as a service `primary`.
expect_a_leak_goes() {
    record_signals
    workload leak --hold-mib 16 --leak-mib-per-s 20
    began=$(now)
    expect "the leak goes on after 60 s" within 60 is_inactive leak
    figure "leak ended after $(since "$began") s"
    sleep 3
    figure "signals of jettison: $(signals jettison | tr '\n' ' ')"
    expect "other signals were sent: $(signals jettison)" test "$(signals jettison)" = "15 workload"
    expect "the primary is gone" is_active primary
    expect "jettison was restarted" test "$(property jettison NRestarts)" = 0
}

# What every rescue has to leave alone.
expect_services_untouched() {
    for unit in ssh dbus systemd-journald systemd-logind; do
        expect "$unit is not active" is_active "$unit"
    done
    expect "systemd has failed units: $(systemctl --failed --plain --no-legend | tr '\n' '|')" \
        test -z "$(systemctl --failed --plain --no-legend)"
    expect "the kernel's OOM killer took $(kernel_kills)" test "$(kernel_kills)" = 0
    figure "kernel OOM kills $(kernel_kills)"
}
