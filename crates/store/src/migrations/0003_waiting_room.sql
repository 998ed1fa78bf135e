-- Counters live in rows that no foreign key points at, so that locking them stops no insert elsewhere.
create table queue_heads (
    sale blob not null primary key,
    last_position bigint not null,
    last_joined_at bigint not null
);

create table drips (
    sale blob not null primary key,
    through bigint not null,
    credit bigint not null,
    last_tick_at bigint not null,
    bound_by text,
    epoch bigint not null
);

-- A place in line. Never deleted, never moved. No foreign key to accounts: one bad id must not spoil a batch.
create table entries (
    sale blob not null,
    position bigint not null,
    account blob not null,
    joined_at bigint not null,
    returned_at bigint,
    recalled_at bigint,
    ended_at bigint,
    ended_as text,
    primary key (sale, position)
) without rowid;
create unique index entries_one_live_place on entries (sale, account) where ended_at is null;
create index entries_ended on entries (sale, position, ended_as) where ended_at is not null;
create index entries_returned on entries (sale, returned_at) where returned_at is not null and ended_at is null;

-- What each tick did.
create table admission_log (
    sale blob not null,
    seq bigint not null,
    at bigint not null,
    through bigint not null,
    called bigint not null,
    recalled bigint not null,
    credit_ms bigint not null,
    bound_by text not null,
    primary key (sale, seq)
) without rowid;
create index admission_log_through on admission_log (sale, through, at);
create index admission_log_at on admission_log (sale, at, seq);

-- A called fan's right to shop. The newest row of an account is also its mutex.
create table claims (
    id blob not null primary key,
    sale blob not null,
    account blob not null,
    position bigint not null,
    claimed_at bigint not null,
    deadline bigint not null,
    ended_at bigint,
    ended_as text
);
create index claims_account on claims (sale, account, claimed_at);
create index claims_position on claims (sale, position, claimed_at);
create index claims_deadline on claims (deadline) where ended_at is null;
-- Last, because SQLite takes the newest of equally good indexes, and the living are counted at every tick.
create unique index claims_one_live on claims (sale, account) where ended_at is null;
