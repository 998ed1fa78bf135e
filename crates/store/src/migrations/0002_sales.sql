create table events (
    id blob not null primary key,
    name text not null,
    venue text not null,
    starts_at bigint not null,
    created_at bigint not null
);

create table sales (
    id blob not null primary key,
    event blob not null references events (id),
    opens_at bigint not null,
    ends_at bigint not null,
    total_seats bigint not null,
    admit_per_minute bigint not null,
    waiting_room_cap bigint not null,
    max_tickets_per_user bigint not null,
    max_active bigint not null,
    hold_ttl_sec bigint not null,
    claim_window_sec bigint not null,
    shopping_window_sec bigint not null,
    seats_per_shopper bigint not null,
    price bigint not null,
    currency text not null,
    -- JSON: [[name, rows, seats_per_row, price], ..]
    sections text not null,
    paused bigint not null default 0,
    closed_at bigint,
    -- Null while the seats are being made.
    built_at bigint,
    created_at bigint not null
);

-- Seats are numbered 0.. in order of section, row and seat. `label` is the public id.
create table seats (
    sale blob not null,
    num bigint not null,
    label text not null,
    price bigint not null,
    primary key (sale, num)
) without rowid;
