-- What was odd about an account, by code and minute of the wall clock: signals, which decide nothing.
create table signals (
    account blob not null,
    sale blob not null,
    code text not null,
    minute bigint not null,
    times bigint not null,
    primary key (account, sale, code, minute)
) without rowid;
create index signals_sale on signals (sale, code);
