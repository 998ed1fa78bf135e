-- As in statistics.sql: most clusters have one or two members, and PostgreSQL believes otherwise until it has looked.
insert into cluster_members (account, sale, cluster, shared, scope, since)
    select decode(md5(n::text), 'hex'), '\x00', decode(md5((n / 2)::text), 'hex'), 'phone', 'sale', n
    from generate_series(1, 2000) n;
analyze cluster_members;
delete from cluster_members where sale = '\x00';
