# a leaking sidecar
# The largest process beside it is the backend that has filled the shared buffers.
. peers/postgres.inc

start 'shared_buffers = 160MB'
fills 20000 'SELECT pg_sleep(300)'
within 60 is_filled
cp workload /run/exporter
systemd-run --quiet --unit=exporter --slice=workload.slice /run/exporter --hold-mib 16 --leak-mib-per-s 25
while goes_on "$cluster" && is_active exporter; do
    sleep 0.5
done
kept "$cluster" answers
