# as installed, set to enforce: a leak beside a bigger primary service goes, and nothing else
. ./lib.sh

install_jettison
enforce < /dev/null
workload primary --hold-mib 200
sleep 2
expect_a_leak_goes
jettison history
expect_no_denial
expect_services_untouched
