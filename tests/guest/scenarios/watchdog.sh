# a daemon that stands still, as one that hangs does, is ended by the watchdog and started again
. ./lib.sh

install_jettison
# Instead of 60 s, and of the 90 s that SIGABRT has to work; a stopped process ends by SIGKILL only.
mkdir -p /etc/systemd/system/jettison.service.d
printf '[Service]\nWatchdogSec=8s\nTimeoutAbortSec=2s\n' > /etc/systemd/system/jettison.service.d/short.conf
systemctl daemon-reload
enforce < /dev/null
sleep 20
expect "a daemon that is well was restarted" test "$(property jettison NRestarts)" = 0
pid=$(property jettison MainPID)
stopped=$(now)
kill -STOP "$pid"
is_new() { is_active jettison && [ "$(property jettison MainPID)" != "$pid" ]; }
expect "it still stands after 40 s" within 40 is_new
figure "stop to active $(since "$stopped" "$(property_s jettison ActiveEnter)") s"
expect "systemd counts $(property jettison NRestarts) restarts" test "$(property jettison NRestarts)" = 1
expect "it was not the watchdog" \
    journalctl --boot --quiet --unit jettison --grep 'Watchdog timeout' --output cat
expect_no_denial
expect_services_untouched
