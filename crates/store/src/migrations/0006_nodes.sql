-- A leader who has not renewed his lease for a while is taken for dead.
alter table leases add column renewed_at bigint not null default 0;
