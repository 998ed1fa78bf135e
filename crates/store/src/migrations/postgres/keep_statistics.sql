-- What statistics.sql and cluster_statistics.sql taught must last until a rush is there. Their rows are gone, and a table that
-- autovacuum finds empty is planned for as an empty one: the first joins after a rest would read the whole line. So it comes
-- later than by default, when there is something real to learn.
alter table seats set (autovacuum_vacuum_threshold = 10000, autovacuum_analyze_threshold = 10000);
alter table entries set (autovacuum_vacuum_threshold = 10000, autovacuum_analyze_threshold = 10000);
alter table claims set (autovacuum_vacuum_threshold = 10000, autovacuum_analyze_threshold = 10000);
alter table holds set (autovacuum_vacuum_threshold = 10000, autovacuum_analyze_threshold = 10000);
alter table hold_seats set (autovacuum_vacuum_threshold = 10000, autovacuum_analyze_threshold = 10000);
alter table tickets set (autovacuum_vacuum_threshold = 10000, autovacuum_analyze_threshold = 10000);
alter table cluster_members set (autovacuum_vacuum_threshold = 10000, autovacuum_analyze_threshold = 10000);
