-- People in SQL: the policies of the tables that belong to a person, and the few searches that happen
-- before anybody is known. Applied after outbox.sql; safe to apply again.
--
-- The functions owned by door see past the policies. Each answers one narrow question: none lists people,
-- and none tells more about a cooperative than its own members may read. Their search path ends in pg_temp,
-- so that a temporary table of the caller can never stand in for one of ours.

GRANT CREATE ON SCHEMA public TO door;

-- What belongs to one person is seen and changed in a transaction opened for that person, and in no other.
DO $$
DECLARE
    subject text;
BEGIN
    FOREACH subject IN ARRAY ARRAY['people', 'sign_ins', 'mail_links'] LOOP
        EXECUTE format('DROP POLICY IF EXISTS person ON %I', subject);
        EXECUTE format($policy$
            CREATE POLICY person ON %I
            USING (person_id = NULLIF(current_setting('archipel.person', true), '')::uuid)
            WITH CHECK (person_id = NULLIF(current_setting('archipel.person', true), '')::uuid)
        $policy$, subject);
        EXECUTE format('REVOKE ALL ON %I FROM platform', subject);
    END LOOP;
END
$$;
REVOKE DELETE ON people, cooperatives FROM app;
REVOKE ALL ON api_tokens FROM platform;
-- The sweep sees when a sign-in or a link was over, never whose it was.
GRANT SELECT (id, expires_at, revoked_at), DELETE ON sign_ins TO platform;
GRANT SELECT (id, expires_at), DELETE ON mail_links TO platform;

GRANT SELECT ON cooperatives, memberships, mandates, invitations, api_tokens, notices, people, sign_ins, erasures TO door;
GRANT SELECT, INSERT, UPDATE, DELETE ON mail_links TO door;

-- The name by which members are sorted and searched: Elise, elise and Élise stand together, wherever the
-- database was made and whatever it holds for the order of letters.
CREATE OR REPLACE FUNCTION sort_member() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    NEW.sort_name := lower(public.unaccent(NEW.display_name));
    RETURN NEW;
END
$$;
REVOKE ALL ON FUNCTION sort_member() FROM PUBLIC;
CREATE OR REPLACE TRIGGER memberships_sort BEFORE INSERT OR UPDATE OF display_name, sort_name ON memberships
FOR EACH ROW EXECUTE FUNCTION sort_member();

-- Who comes, and where: the cooperative by its slug, the reader by their sign-in or by an API token, their
-- membership and the roles of their mandates in force; opens the rest of the transaction for them. An API
-- token opens its own cooperative only, and never the person's own records: it leaves archipel.person empty.
DROP FUNCTION IF EXISTS arrive(text, bytea, bytea);
CREATE FUNCTION arrive(
    p_slug text,
    p_sign_in_hash bytea,
    p_bearer_hash bytea,
    OUT tenant_id uuid,
    OUT slug text,
    OUT name text,
    OUT legal_profile text,
    OUT territory text,
    OUT coop_locale text,
    OUT time_zone text,
    OUT accent text,
    OUT person_id uuid,
    OUT sign_in_id uuid,
    OUT sign_in_stale boolean,
    OUT person_locale text,
    OUT email text,
    OUT membership_id uuid,
    OUT display_name text,
    OUT membership_state text,
    OUT roles text[],
    OUT withheld text[],
    OUT token_id uuid,
    OUT scopes text[],
    OUT unread_notices integer
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_token record;
BEGIN
    -- Without a bearer token no row is found, and the record's fields are null.
    SELECT t.tenant_id, t.id, t.membership_id, t.scopes,
           COALESCE(t.last_used_at < now() - interval '1 hour', true) AS stale
    INTO v_token
    FROM api_tokens t
    WHERE t.token_hash = p_bearer_hash AND t.revoked_at IS NULL AND t.expires_at > now();

    IF p_slug IS NOT NULL OR v_token.tenant_id IS NOT NULL THEN
        SELECT c.tenant_id, c.slug, c.name, c.legal_profile, c.territory, c.locale, c.time_zone, c.accent
        INTO tenant_id, slug, name, legal_profile, territory, coop_locale, time_zone, accent
        FROM cooperatives c
        WHERE CASE WHEN p_slug IS NULL THEN c.tenant_id = v_token.tenant_id ELSE c.slug = p_slug END;
    END IF;

    IF p_bearer_hash IS NOT NULL THEN
        IF v_token.tenant_id = tenant_id THEN
            SELECT v_token.id, v_token.scopes, v_token.stale, m.person_id, m.id, m.display_name, m.state,
                   p.locale, p.email
            INTO token_id, scopes, sign_in_stale, person_id, membership_id, display_name, membership_state,
                 person_locale, email
            FROM memberships m
            JOIN people p ON p.person_id = m.person_id
            WHERE m.tenant_id = v_token.tenant_id AND m.id = v_token.membership_id AND m.state = 'active';
        END IF;
    ELSIF p_sign_in_hash IS NOT NULL THEN
        SELECT s.id, s.last_used_at < now() - interval '1 hour', s.person_id, p.locale, p.email,
               m.id, m.display_name, m.state
        INTO sign_in_id, sign_in_stale, person_id, person_locale, email,
             membership_id, display_name, membership_state
        FROM sign_ins s
        JOIN people p ON p.person_id = s.person_id
        LEFT JOIN memberships m ON m.tenant_id = arrive.tenant_id AND m.person_id = s.person_id
        WHERE s.token_hash = p_sign_in_hash AND s.revoked_at IS NULL AND s.expires_at > now();
    END IF;

    IF membership_state = 'active' THEN
        SELECT COALESCE(array_agg(g.role::text), '{}') INTO roles
        FROM mandates g
        WHERE g.tenant_id = arrive.tenant_id AND g.membership_id = arrive.membership_id
          AND g.ended_at IS NULL AND g.term @> now();
    END IF;
    -- What a mandate gives and its holder may not use yet, for want of the second factor that a rule asks for.
    IF cardinality(roles) > 0 THEN
        SELECT COALESCE(array_agg(held.role), '{}') INTO withheld
        FROM unnest(roles) AS held(role)
        WHERE NOT EXISTS (
            SELECT FROM second_factors f WHERE f.person_id = arrive.person_id AND f.confirmed_at IS NOT NULL
        ) AND CASE (
            SELECT v.value #>> '{}' FROM rule_versions v
            WHERE v.tenant_id = arrive.tenant_id AND v.rule = 'tenants.second_factor' AND v.in_force @> now()
        ) WHEN '1' THEN held.role IN ('manager', 'treasurer') WHEN '2' THEN true ELSE false END;
    END IF;
    IF membership_state = 'active' AND token_id IS NULL THEN
        -- A page says "99+" at most, so counting stops there.
        SELECT count(*) INTO unread_notices
        FROM (
            SELECT FROM notices n
            WHERE n.tenant_id = arrive.tenant_id AND n.membership_id = arrive.membership_id AND n.read_at IS NULL
            LIMIT 100
        ) AS unread;
    END IF;

    PERFORM set_config('archipel.tenant', COALESCE(tenant_id::text, ''), true),
            set_config('archipel.person', CASE WHEN token_id IS NULL THEN COALESCE(person_id::text, '') ELSE '' END, true);
END
$$;

-- The one person of an e-mail address, to check a password. The address must be known already.
CREATE OR REPLACE FUNCTION find_person(
    p_email text, OUT person_id uuid, OUT password_hash text, OUT locale text
)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT p.person_id, p.password_hash, p.locale FROM people p WHERE p.email = lower(p_email)
$$;

-- Writes down that a link to sign in was asked for. It is written for unknown addresses too, in the same time,
-- so that the asker cannot tell; nothing is mailed for those. Sweeps links that expired a day ago, a few at a time.
CREATE OR REPLACE FUNCTION ask_mail_link(p_email text, p_locale text) RETURNS uuid
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
    DELETE FROM mail_links WHERE id IN (
        SELECT id FROM mail_links WHERE expires_at < now() - interval '1 day'
        ORDER BY expires_at LIMIT 50 FOR UPDATE SKIP LOCKED
    );
    INSERT INTO mail_links (purpose, email, locale, person_id)
    VALUES (
        'sign_in', lower(p_email), p_locale,
        (SELECT p.person_id FROM people p WHERE p.email = lower(p_email))
    )
    RETURNING id
$$;

-- Gives a link its token when it is about to be mailed, once more if the first mailing failed; no row if
-- there is nobody to mail it to.
CREATE OR REPLACE FUNCTION stamp_mail_link(
    p_id uuid, p_token_hash bytea, OUT email text, OUT purpose text, OUT locale text
) RETURNS SETOF record
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
    UPDATE mail_links l SET token_hash = p_token_hash
    FROM people p
    WHERE l.id = p_id AND l.consumed_at IS NULL AND l.expires_at > now() AND p.person_id = l.person_id
    RETURNING l.email, l.purpose::text, CASE l.purpose WHEN 'sign_in' THEN l.locale ELSE p.locale END
$$;

-- What a mailed link opens, if it is still good. Whoever holds the token holds the mailbox.
CREATE OR REPLACE FUNCTION find_mail_link(
    p_token_hash bytea, OUT id uuid, OUT person_id uuid, OUT purpose text, OUT email text
) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT l.id, l.person_id, l.purpose::text, l.email
    FROM mail_links l
    WHERE l.token_hash = p_token_hash AND l.consumed_at IS NULL AND l.expires_at > now()
      AND l.purpose IN ('sign_in', 'confirm')
$$;

-- What a mailed invitation opens, if it is still good. Whoever holds the token holds the mailbox.
DROP FUNCTION IF EXISTS find_invitation(bytea);
CREATE FUNCTION find_invitation(
    p_token_hash bytea,
    OUT tenant_id uuid,
    OUT id uuid,
    OUT membership_id uuid,
    OUT email text,
    OUT display_name text,
    OUT message text,
    OUT invited_by text,
    OUT slug text,
    OUT name text,
    OUT locale text,
    OUT accent text,
    OUT known boolean
) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT i.tenant_id, i.id, m.id, m.contact_email, m.display_name, i.message, host.display_name,
           c.slug, c.name, c.locale, c.accent,
           EXISTS (SELECT FROM people p WHERE p.email = m.contact_email)
    FROM invitations i
    JOIN memberships m ON m.tenant_id = i.tenant_id AND m.id = i.membership_id
    JOIN cooperatives c ON c.tenant_id = i.tenant_id
    LEFT JOIN memberships host ON host.tenant_id = i.tenant_id AND host.id = i.invited_by
    WHERE (i.token_hash = p_token_hash OR i.previous_token_hash = p_token_hash) AND i.consumed_at IS NULL AND i.expires_at > now()
      AND (m.state = 'invited' OR m.state = 'active' AND m.person_id IS NULL)
$$;

-- The signed-in person's own memberships, over all cooperatives, and when one that they have left is to be forgotten.
DROP FUNCTION IF EXISTS my_memberships();
CREATE FUNCTION my_memberships(
    OUT tenant_id uuid,
    OUT slug text,
    OUT name text,
    OUT accent text,
    OUT membership_id uuid,
    OUT display_name text,
    OUT state text,
    OUT joined_at timestamptz,
    OUT erasure_due_at timestamptz
) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT m.tenant_id, c.slug, c.name, c.accent, m.id, m.display_name, m.state::text, m.joined_at, e.due_at
    FROM memberships m
    JOIN cooperatives c ON c.tenant_id = m.tenant_id
    LEFT JOIN erasures e
        ON m.state = 'left' AND e.tenant_id = m.tenant_id AND e.membership_id = m.id AND e.done_at IS NULL
    WHERE m.person_id = NULLIF(current_setting('archipel.person', true), '')::uuid
    ORDER BY c.name, c.tenant_id
$$;

-- The language in which to write to a member of the cooperative of this transaction: what the person chose,
-- else that of the cooperative.
CREATE OR REPLACE FUNCTION locale_of_member(p_membership uuid) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT COALESCE(p.locale, c.locale)
    FROM memberships m
    JOIN cooperatives c ON c.tenant_id = m.tenant_id
    LEFT JOIN people p ON p.person_id = m.person_id
    WHERE m.tenant_id = NULLIF(current_setting('archipel.tenant', true), '')::uuid AND m.id = p_membership
$$;

-- The cooperatives of this installation, for its front door: what each shows to any passer-by.
DROP FUNCTION IF EXISTS cooperatives_to_visit();
CREATE FUNCTION cooperatives_to_visit(OUT slug text, OUT name text, OUT territory text, OUT accent text)
RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT c.slug, c.name, c.territory, c.accent FROM cooperatives c ORDER BY c.name, c.slug LIMIT 50000
$$;

-- Notes that a sign-in is in use, which gives it another 30 days. Runs with the caller's rights.
CREATE OR REPLACE FUNCTION touch_sign_in(p_id uuid) RETURNS void
LANGUAGE sql VOLATILE SECURITY INVOKER
AS $$
    UPDATE public.sign_ins SET last_used_at = now(), expires_at = now() + interval '30 days'
    WHERE id = p_id AND revoked_at IS NULL AND expires_at > now() AND last_used_at < now() - interval '1 hour'
$$;

DO $$
DECLARE
    subject text;
BEGIN
    FOREACH subject IN ARRAY ARRAY[
        'arrive(text, bytea, bytea)', 'find_person(text)', 'ask_mail_link(text, text)',
        'stamp_mail_link(uuid, bytea)', 'find_mail_link(bytea)', 'find_invitation(bytea)', 'my_memberships()',
        'locale_of_member(uuid)', 'cooperatives_to_visit()'
    ] LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO door', subject);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', subject);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO app', subject);
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION touch_sign_in(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION touch_sign_in(uuid) TO app;

REVOKE CREATE ON SCHEMA public FROM door;
