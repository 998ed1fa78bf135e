-- Load runs: what was asked for, who does it, how it goes and what came of it. `seq` is the order in which they were asked for.
create table lab_runs (
    id blob not null primary key,
    seq bigint not null,
    scenario text not null,
    sale blob,
    knobs text not null,
    asked_by text not null,
    state text not null,
    claim blob,
    runner text,
    stop_asked bigint not null,
    progress text,
    outcome text,
    reason text,
    error text,
    asked_at bigint not null,
    started_at bigint,
    heard_at bigint,
    finished_at bigint
);
create unique index lab_runs_seq on lab_runs (seq);
create index lab_runs_state on lab_runs (state, seq);

-- Files of a run: reports, history, export. One is whole when as many parts are here as it has.
create table lab_files (
    run blob not null,
    kind text not null,
    parts bigint not null,
    received bigint not null,
    size bigint not null,
    primary key (run, kind)
) without rowid;
create table lab_file_parts (
    run blob not null,
    kind text not null,
    part bigint not null,
    bytes blob not null,
    primary key (run, kind, part)
);
