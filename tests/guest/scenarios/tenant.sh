# a user with a delegated cgroup makes 4,000 empty memcgs with a limit of 0: a leak is ended all the same
. ./lib.sh

install_jettison
enforce < /dev/null
workload primary --hold-mib 150
sleep 5
tick_us() { jettison status --json | tr -d ' "\n' | sed 's/.*tick_us:{\([^}]*\)}.*/\1/'; }
cpu_ms() { awk '{ print ($14 + $15) * 10 }' "/proc/$(property jettison MainPID)/stat"; }
figure "before: tick_us $(tick_us)"
cat > /run/tenant.sh <<'TENANT'
cd "/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)"
mkdir own
echo $$ > own/cgroup.procs
echo +memory > cgroup.subtree_control
seq -f empty%.0f 4000 | xargs mkdir
for empty in empty*; do
    echo 0 > "$empty/memory.max"
done
touch /tmp/tenant-is-done
sleep infinity
TENANT
systemd-run --quiet --unit=tenant --uid=nobody --property=Delegate=yes sh /run/tenant.sh
expect "the tenant is not done after 120 s" within 120 test -e /tmp/tenant-is-done
cpu=$(cpu_ms)
sleep 20
figure "processor time on a calm host $(($(cpu_ms) - cpu)) ms in 20 s; tick_us $(tick_us)"
log | grep -i memcg | tail -n 2
expect_a_leak_goes
figure "tick_us $(tick_us)"
expect "the tenant is gone" is_active tenant
expect_no_denial
expect_services_untouched
