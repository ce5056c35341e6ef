# a leak that ignores SIGTERM
. hosts/lib.inc

leaks 20 --ignore-term
