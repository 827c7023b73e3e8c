-- Slot search offers nobody whom the booking worker would refuse. It may know whether an account is
-- active without its caller seeing the account.
CREATE FUNCTION is_active(account uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM users WHERE id = account AND status = 'active');
$$;

REVOKE ALL ON FUNCTION is_active(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION is_active(uuid) TO mediconnect_api;

-- Its owner must see all accounts although row-level security is forced.
DO $$
BEGIN
    EXECUTE format('CREATE POLICY is_active ON users FOR SELECT TO %I USING (true)', current_user);
END $$;
