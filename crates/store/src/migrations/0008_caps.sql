-- Shows of one tour.
alter table events add column event_group text;
create index events_group on events (event_group) where event_group is not null;
create index sales_event on sales (event);

-- Caps over accounts that belong together, and over the sales of a group. 0: none.
alter table sales add column max_tickets_per_cluster bigint not null default 0;
alter table sales add column max_tickets_per_group bigint not null default 0;
alter table sales add column max_tickets_per_group_cluster bigint not null default 0;
-- What makes a cluster: names with commas between them.
alter table sales add column cluster_by text not null default 'payment,phone';
alter table sale_terms add column max_tickets_per_cluster bigint not null default 0;
alter table sale_terms add column max_tickets_per_group bigint not null default 0;
alter table sale_terms add column max_tickets_per_group_cluster bigint not null default 0;
drop index sale_terms_until;
create index sale_terms_until on sale_terms (sale, until, max_tickets_per_user, max_tickets_per_cluster,
    max_tickets_per_group, max_tickets_per_group_cluster);

-- A cluster is the keyed hash of what its accounts share, within one sale or one group. Its row is only there to be locked,
-- before any claim, in order of id. An account within a group has such a row too.
create table cluster_locks (id blob not null primary key) without rowid;

-- Who belongs to it, and in which sale that came out.
create table cluster_members (
    account blob not null,
    sale blob not null,
    cluster blob not null,
    shared text not null,
    scope text not null,
    since bigint not null,
    primary key (account, sale, cluster)
) without rowid;
create index cluster_members_cluster on cluster_members (cluster, account);

-- What an operator allows one account over a cap.
create table exceptions (
    id blob not null primary key,
    sale blob not null,
    account blob not null,
    rule text not null,
    extra_tickets bigint not null,
    lifted bigint not null,
    reason text not null,
    granted_at bigint not null,
    revoked_at bigint
);
create index exceptions_account on exceptions (sale, account, granted_at, id);

-- How often an account was told "no", by code and minute of the wall clock.
create table refusals (
    account blob not null,
    sale blob not null,
    code text not null,
    minute bigint not null,
    times bigint not null,
    primary key (account, sale, code, minute)
) without rowid;
create index refusals_sale on refusals (sale, code);
