# four growing sorts in a young cluster
. peers/postgres.inc

start
bench 4 'SELECT 1;
\sleep 200 ms'
all=
for _ in 1 2 3 4; do
    sorts 10
    all="$all $last"
done
while goes_on "$cluster" && alive $all; do
    sleep 0.5
done
kept "$cluster" answers
