-- Who signs in, and what this installation knows about itself.
create table accounts (
    id blob not null primary key,
    email text not null,
    password_hash text,
    phone text,
    created_at bigint not null
);
create unique index accounts_email on accounts (email);

-- The deciding clock, kept across restarts.
create table clock (id bigint not null primary key, last_ms bigint not null, skipped_ms bigint not null);

-- Keys that were made here because none was configured.
create table signing_keys (name text not null primary key, secret blob not null, created_at bigint not null);

-- The worker's leadership; a higher epoch fences a lower one.
create table leases (name text not null primary key, holder blob not null, epoch bigint not null);

-- One value a name: which sale is the demo sale.
create table settings (name text not null primary key, value text not null);

-- Every act of an operator, appended in the act's own transaction.
create table audit_log (
    id blob not null primary key,
    at bigint not null,
    actor text not null,
    act text not null,
    subject text not null,
    details text not null
);
