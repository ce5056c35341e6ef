# the daemon is killed while memory is short and a leak goes on
. hosts/lib.inc

leak_and KILL
