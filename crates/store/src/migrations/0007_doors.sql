-- What the door knows of a ticket: which of its codes is good, and whether it was let in.
alter table tickets add column version bigint not null default 1;
alter table tickets add column admitted_at bigint;
alter table tickets add column admitted_gate text;
create index tickets_revoked on tickets (sale, id) where version > 1 or cancelled_at is not null;

-- Where the seats of cancelled tickets go: to the public, or to the operator, who gives them free later.
alter table sales add column cancelled_seats text not null default 'public';
-- Set while the operator keeps the seat. It stays `live` meanwhile: nobody else can take it.
alter table hold_seats add column kept_at bigint;
create index hold_seats_kept on hold_seats (sale, seat) where kept_at is not null;

-- Money that goes back for a cancelled ticket. The ticket's id is the provider's key: no ticket is refunded twice.
create table refunds (
    ticket blob not null primary key,
    order_id blob not null,
    sale blob not null,
    amount bigint not null,
    currency text not null,
    state text not null,
    at bigint not null
);
create index refunds_sale on refunds (sale, at, ticket);
create index refunds_order on refunds (order_id);
create index refunds_due on refunds (at) where state = 'refund_due';
