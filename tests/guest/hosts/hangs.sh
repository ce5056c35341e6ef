# the daemon is stopped (SIGSTOP) while a leak goes on: the kernel has to take the right one
. hosts/lib.inc

starts primary --hold-mib 220
starts hog --hold-mib 16 --leak-mib-per-s 10
short 60
send STOP
over 60 hog primary
send CONT
