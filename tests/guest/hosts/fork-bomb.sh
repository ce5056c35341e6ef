# a fork bomb of small children beside a bigger primary
. hosts/lib.inc

starts primary --hold-mib 160
starts bomb --fork-every-ms 100 --child-mib 4 --children-max 400
over 90 bomb primary
