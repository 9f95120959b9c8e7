-- breaking: no
-- What was decided on a row that has changed meanwhile must not be committed.

-- Fails the transaction as one that met another: a commit may follow at once, without an answer in between.
create function assert_current(current boolean) returns void language plpgsql as $$
begin
  if not current then
    raise exception 'what this was decided on has changed' using errcode = 'serialization_failure';
  end if;
end $$;
