# the daemon is stopped (SIGSTOP) while a leak goes on: the kernel has to take the right one
. hosts/lib.inc

leak_and STOP
send CONT
