# apt installs the package: the unit is up, heard, confined, and gone with the package
. ./lib.sh

began=$(now)
install_jettison
figure "apt to active $(since "$began" "$(property_s jettison ActiveEnter)") s"
figure "start to ready $(since "$(property_s jettison InactiveExit)" "$(property_s jettison ActiveEnter)") s"
figure "apt in all $(since "$began") s"

expect "it is not of Type=notify" test "$(property jettison Type)" = notify
expect "systemd shows $(property jettison StatusText)" test "$(property jettison StatusText | cut -d';' -f1)" = dry-run
expect "it is not enabled" systemctl --quiet is-enabled jettison
pid=$(property jettison MainPID)
status() { awk -v name="$1:" '$1 == name { print $2 }' "/proc/$pid/status"; }
figure "RSS $(($(status VmRSS) / 1024)) MiB"
expect "its seccomp mode is $(status Seccomp)" test "$(status Seccomp)" = 2
expect "it may gain privileges" test "$(status NoNewPrivs)" = 1
expect "its oom_score_adj is $(adj jettison)" test "$(adj jettison)" = -1000

jettison check > /dev/null
jettison status
expect "jettison doctor fails" jettison doctor
jettison explain --top 5
exposure=$(systemd-analyze security --no-pager jettison | sed -n 's/.*exposure level for .*: \([0-9.]*\).*/\1/p')
figure "exposure $exposure"
expect "it is more exposed than 2.5" systemd-analyze security --no-pager --threshold=25 jettison > /dev/null
expect "systemctl reload fails" systemctl reload jettison

beat=$(property jettison WatchdogTimestampMonotonic)
beats() { [ "$(property jettison WatchdogTimestampMonotonic)" -gt "$beat" ]; }
waits=$(now)
expect "the watchdog hears nothing for 40 s" within 40 beats
figure "beat within $(since "$waits") s"
expect "it was restarted" test "$(property jettison NRestarts)" = 0
expect_no_denial
expect_services_untouched

# As an upgrade does.
echo '# ours' >> /etc/jettison/jettison.toml
apt-get install --yes --reinstall ./jettison_*.deb
expect "it is not active after an upgrade" is_active jettison
expect "it was not restarted" test "$(property jettison MainPID)" != "$pid"
expect "the configuration was replaced" grep --quiet '^# ours' /etc/jettison/jettison.toml
pid=$(property jettison MainPID)

apt-get remove --yes jettison
expect "it is active after its removal" is_inactive jettison
expect "a process is left" test ! -e "/proc/$pid"
apt-get purge --yes jettison
for left in /etc/jettison /run/jettison /var/lib/jettison /usr/bin/jettison /etc/systemd/system/multi-user.target.wants/jettison.service; do
    expect "$left is left" test ! -e "$left"
done
