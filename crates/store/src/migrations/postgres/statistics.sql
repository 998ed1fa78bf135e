-- First statistics. Of a table that was never analysed PostgreSQL believes that next to no row has a null, so that "not ended"
-- alone would find a single row, and reads the whole line where it could look one account up. A rush is over before its own
-- statistics come. These are of a made-up sale without an end; the rows go again, what was learnt stays until there is better.
insert into seats (sale, num, label, price)
    select '\x00', n, n::text, n % 3 from generate_series(1, 2000) n;
insert into entries (sale, position, account, joined_at)
    select '\x00', n, decode(md5(n::text), 'hex'), n from generate_series(1, 2000) n;
insert into claims (id, sale, account, position, claimed_at, deadline)
    select decode(md5('c' || n), 'hex'), '\x00', decode(md5(n::text), 'hex'), n, n, n from generate_series(1, 2000) n;
insert into holds (id, sale, account, claim, seats, total, placed_at, expires_at, state)
    select decode(md5('h' || n), 'hex'), '\x00', decode(md5(n::text), 'hex'), decode(md5('c' || n), 'hex'), 1, n % 3, n, n,
        'live' from generate_series(1, 2000) n;
insert into hold_seats (sale, seat, hold, live)
    select '\x00', n, decode(md5('h' || n), 'hex'), 1 from generate_series(1, 2000) n;
insert into tickets (id, order_id, sale, seat, account, price, issued_at)
    select decode(md5('t' || n), 'hex'), decode(md5('o' || n), 'hex'), '\x00', n, decode(md5(n::text), 'hex'), n % 3, n
    from generate_series(1, 2000) n;
analyze seats, entries, claims, holds, hold_seats, tickets;
delete from seats where sale = '\x00';
delete from entries where sale = '\x00';
delete from claims where sale = '\x00';
delete from holds where sale = '\x00';
delete from hold_seats where sale = '\x00';
delete from tickets where sale = '\x00';
