-- What the statements call, where PostgreSQL has it under another name. Simple enough to be inlined.

-- The elements of a JSON array, each with its place from 0.
create function json_each(elements text) returns table (key bigint, value jsonb)
    language sql immutable parallel safe rows 100
    as $$ select e.place - 1, e.element from jsonb_array_elements(elements::jsonb) with ordinality as e (element, place) $$;

-- Bytes from hexadecimal text.
create function unhex(digits text) returns bytea
    language sql immutable parallel safe as $$ select decode(digits, 'hex') $$;
create function unhex(digits jsonb) returns bytea
    language sql immutable parallel safe as $$ select decode(digits #>> '{}', 'hex') $$;

create function json_text(elements text[]) returns text
    language sql immutable parallel safe as $$ select array_to_json(elements)::text $$;
create aggregate json_group_array(text) (
    sfunc = array_append, stype = text[], initcond = '{}', finalfunc = json_text
);
