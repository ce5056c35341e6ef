# a helper that leaks beside a bigger primary, at the limit that both have, with memory free outside
. hosts/lib.inc

printf '[Slice]\nMemoryMax=200M\n' > /run/systemd/system/workload-app.slice
systemctl daemon-reload
starts bystander --hold-mib 60
slice=workload-app.slice
starts primary --hold-mib 120
starts helper --hold-mib 8 --leak-mib-per-s 5
over 60 helper primary bystander
