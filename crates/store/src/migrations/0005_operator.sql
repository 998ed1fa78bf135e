-- What the terms of a sale were before each change of an operator, so that a judge can follow them. A row held until
-- `until`; what holds now is in `sales`.
create table sale_terms (
    sale blob not null,
    seq bigint not null,
    until bigint not null,
    opens_at bigint not null,
    ends_at bigint not null,
    admit_per_minute bigint not null,
    waiting_room_cap bigint not null,
    max_tickets_per_user bigint not null,
    max_active bigint not null,
    hold_ttl_sec bigint not null,
    claim_window_sec bigint not null,
    shopping_window_sec bigint not null,
    seats_per_shopper bigint not null,
    paused bigint not null,
    primary key (sale, seq)
) without rowid;
-- Asked at each purchase, however often the terms were changed.
create index sale_terms_until on sale_terms (sale, until, max_tickets_per_user);

-- Sealed rows of the audit log, chained: each seal's digest is made of the one before and of its own rows in order of id.
-- A row without a seal is younger than the last tick, whatever its id: nothing is skipped by coming late.
create table audit_seals (
    seq bigint not null primary key,
    entries bigint not null,
    sealed_at bigint not null,
    previous blob not null,
    digest blob not null
);
alter table audit_log add column seal bigint;
create index audit_log_sealed on audit_log (seal, id);
create index audit_log_subject on audit_log (subject, id);
