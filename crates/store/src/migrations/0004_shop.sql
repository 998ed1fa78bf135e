create table holds (
    id blob not null primary key,
    sale blob not null,
    account blob not null,
    claim blob not null,
    seats bigint not null,
    total bigint not null,
    placed_at bigint not null,
    expires_at bigint not null,
    -- A payment may move expires_at once.
    extended bigint not null default 0,
    state text not null,
    ended_at bigint
);
create unique index holds_one_live on holds (sale, account) where state = 'live';
create index holds_expiry on holds (expires_at) where state = 'live';
create index holds_sale on holds (sale, placed_at, id);

-- `live` stays 1 when sold; it becomes 0 only by release, expiry or cancel.
create table hold_seats (
    sale blob not null,
    seat bigint not null,
    hold blob not null,
    live bigint not null,
    primary key (hold, seat)
) without rowid;
create unique index hold_seats_one_owner on hold_seats (sale, seat) where live = 1;

create table orders (
    id blob not null primary key,
    sale blob not null,
    account blob not null,
    hold blob not null,
    claim blob not null,
    state text not null,
    total bigint not null,
    currency text not null,
    payment_token text not null,
    -- JSON: a name for each seat, or null.
    attendees text not null,
    idempotency_key text not null,
    created_at bigint not null,
    settled_at bigint
);
create unique index orders_one_per_hold on orders (hold) where state in ('paying', 'confirmed');
create index orders_sale on orders (sale, created_at, id);
create index orders_account on orders (account, created_at);
create index orders_unsettled on orders (created_at) where state in ('paying', 'refund_due');

create table payments (
    order_id blob not null primary key,
    sale blob not null,
    amount bigint not null,
    currency text not null,
    state text not null,
    at bigint not null
);
create index payments_sale on payments (sale, at, order_id);

create table tickets (
    id blob not null primary key,
    order_id blob not null,
    sale blob not null,
    seat bigint not null,
    account blob not null,
    price bigint not null,
    attendee text,
    issued_at bigint not null,
    cancelled_at bigint
);
create unique index tickets_one_per_seat on tickets (sale, seat) where cancelled_at is null;
create index tickets_sale on tickets (sale, issued_at, id);
create index tickets_account on tickets (sale, account);
create index tickets_order on tickets (order_id);

-- A client's key, what it asked, and the answer that was stored with the effect.
create table idempotency (
    account blob not null,
    sale blob not null,
    verb text not null,
    key text not null,
    digest blob not null,
    answer blob,
    order_id blob,
    created_at bigint not null,
    primary key (account, sale, verb, key)
) without rowid;
