# the daemon is killed while memory is short and a leak goes on
. hosts/lib.inc

starts primary --hold-mib 220
starts hog --hold-mib 16 --leak-mib-per-s 10
short 60
send KILL
over 60 hog primary
