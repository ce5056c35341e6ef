# two hundred middling backends
. peers/postgres.inc

start
bench 200 "SET temp_buffers = '16MB';
CREATE TEMP TABLE IF NOT EXISTS t (r text);
INSERT INTO t SELECT repeat(md5(g::text), 30) FROM generate_series(1, 60) AS g;
\\sleep 2000 ms"
while goes_on "$cluster" && alive "$last" && [ "$(since "$began" | cut -d. -f1)" -lt 60 ]; do
    sleep 0.5
done
kept "$cluster" answers
