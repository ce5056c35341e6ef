# a leak that ignores SIGTERM
. hosts/lib.inc

starts primary --hold-mib 220
starts hog --hold-mib 16 --leak-mib-per-s 20 --ignore-term
over 60 hog primary
