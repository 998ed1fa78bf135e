-- What each transaction changed, for the other nodes' memory: read once by each of them and deleted after a while.
-- `seq` is taken while the changed rows are locked, so of one row the later change has the higher one. Which of them were
-- committed since the last look is told by `xact`: no transaction below the oldest one under way is still to come.
create table node_changes (
    seq bigint generated always as identity primary key,
    xact bigint not null default (pg_current_xact_id()::text::bigint),
    at bigint not null default (extract(epoch from clock_timestamp()) * 1000)::bigint,
    body text not null
);
create index node_changes_xact on node_changes (xact);
create index node_changes_at on node_changes (at);
