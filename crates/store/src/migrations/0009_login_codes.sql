-- One-time codes that were mailed: a row until it is used, guessed wrong too often, or forgotten after its end.
create table login_codes (
    id blob not null primary key,
    account blob not null,
    hash blob not null,
    tries_left bigint not null,
    expires_at bigint not null
);
create index login_codes_expires on login_codes (expires_at);
