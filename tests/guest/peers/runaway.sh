# one runaway backend
. peers/postgres.inc

start
bench 4 'SELECT 1;
\sleep 200 ms'
sorts 40
while goes_on "$cluster" && alive "$last"; do
    sleep 0.5
done
kept "$cluster" answers
