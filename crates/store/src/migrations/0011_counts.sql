-- One table for whatever is counted of an account, by code and minute of the wall clock: what it was refused, and what was odd
-- about it.
create table counts (
    account blob not null,
    sale blob not null,
    book text not null,
    code text not null,
    minute bigint not null,
    times bigint not null,
    primary key (account, sale, book, code, minute)
) without rowid;
insert into counts (account, sale, book, code, minute, times)
    select account, sale, 'refusals', code, minute, times from refusals;
insert into counts (account, sale, book, code, minute, times)
    select account, sale, 'signals', code, minute, times from signals;
drop table refusals;
drop table signals;
create index counts_sale on counts (sale, book, code);
