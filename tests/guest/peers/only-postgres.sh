# nothing but PostgreSQL to give
# What is short is held by its shared buffers, which no session gives back.
. peers/postgres.inc

start 'shared_buffers = 420MB'
fills 1000 "DO \$\$ BEGIN FOR i IN 1..600 LOOP
    INSERT INTO t SELECT repeat('x', 7900) FROM generate_series(1, 128); PERFORM pg_sleep(0.03); END LOOP; END \$\$"
while goes_on "$cluster" && alive "$last"; do
    sleep 0.5
done
kept "$cluster" answers
