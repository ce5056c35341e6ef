# a leak beside a bigger primary, among eight hundred sleeping processes
. hosts/lib.inc

starts primary --hold-mib 160
systemd-run --quiet --unit=crowd --slice="$slice" --property=TasksMax=2000 sh -c '
    never=$(mktemp -u) && mkfifo "$never" && exec 3<> "$never"
    i=0
    while [ $i -lt 800 ]; do
        i=$((i + 1))
        read -r _ <&3 &
    done
    wait'
# One that is still growing would be the leak.
is_crowd() { grep -q '^8..$' "/sys/fs/cgroup/$slice/crowd.service/pids.current" 2> /dev/null; }
within 60 is_crowd || wrong "the crowd is not there after 60 s"
sleep 10
starts hog --hold-mib 16 --leak-mib-per-s 20
over 90 hog primary crowd
