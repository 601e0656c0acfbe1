-- Finding members: what is kept of each to be found by, and the one door through which they are searched. Applied after
-- search.sql, whose reasons hold here as well; safe to apply again.
--
-- What is kept is what a member shows to every member. Of the few who show more to this reader (those they work with,
-- themselves) the same is made on the spot, and stands for what is kept: nothing is matched, counted or left out by
-- what the reader may not see.
--
-- Names stand among the words as keys ('§n', the cooperative's tag, the word), so that the beginning of a name is looked
-- for in one cooperative alone; the words of skills stand there once more ('§k'), since the index keeps no weights. Others name a share of the cooperative ('§x': all, a quarter, a sixteenth, a sixty-fourth):
-- a word that everybody says is counted in a share, and listed by walking the names.

-- Counting stops here: a page says "500+" beyond.
CREATE OR REPLACE FUNCTION members_counted() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT 500';

-- The edition of what index_members() writes: raise it when that changes, and everything is indexed anew.
CREATE OR REPLACE FUNCTION member_words_edition() RETURNS smallint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT 2::smallint';

-- What a reader must be to see a field: as Standing in profiles.py.
CREATE OR REPLACE FUNCTION standing_for(p_audience text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT CASE p_audience WHEN 'public' THEN 0 WHEN 'members' THEN 1 WHEN 'partners' THEN 2 ELSE 3 END $$;

-- Into how many parts a share divides a cooperative; powers of two.
CREATE OR REPLACE FUNCTION share_parts() RETURNS integer[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT '{64, 16, 4, 1}'::integer[] $$;

CREATE OR REPLACE FUNCTION share_of(p_tenant uuid, p_state text, p_parts integer, p_part integer) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT 'x' || left(md5(concat_ws(':', p_tenant, p_state, p_parts, p_part)), 16) $$;

-- The words of names as they are typed: small, without accents, whatever stands between them.
CREATE OR REPLACE FUNCTION name_words(p_name text) RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT array_agg(word ORDER BY place)
    FROM regexp_split_to_table(lower(public.unaccent(p_name)), '[^[:alnum:]_]+') WITH ORDINALITY AS split (word, place)
    WHERE word <> ''
$$;

CREATE OR REPLACE FUNCTION name_key(p_tenant uuid, p_word text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT '§n' || left(md5(p_tenant::text), 8) || p_word $$;

-- Names in which these words follow each other, the last of which may go on.
CREATE OR REPLACE FUNCTION searched_name(p_tenant uuid, p_term text) RETURNS tsquery
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT COALESCE(
        string_agg(quote_literal(name_key(p_tenant, word)) || CASE WHEN place = cardinality(words) THEN ':*' ELSE '' END,
            ' <-> ' ORDER BY place), '')::tsquery
    FROM name_words(p_term) words, unnest(words) WITH ORDINALITY AS one (word, place)
$$;

-- The same question, of skills alone; words that follow each other need only be there.
CREATE OR REPLACE FUNCTION among_skills(p_query tsquery) RETURNS tsquery
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT regexp_replace(regexp_replace(p_query::text, '''([^'']*)''', '''§k\1''', 'g'), '<[-0-9]+>', '&', 'g')::tsquery $$;

-- These members as a reader of this standing sees them; of who has left, nobody but themselves sees anything.
CREATE OR REPLACE FUNCTION members_as_seen(p_tenant uuid, p_members uuid[], p_standing integer)
RETURNS TABLE (membership_id uuid, state text, sort_name text, free_from date, free_until date, facets text[], words tsvector, said text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT m.id, m.state, m.sort_name, CASE WHEN free.told THEN m.available_from END,
           CASE WHEN free.told THEN m.available_until END, keys.facets,
           (SELECT COALESCE(string_agg(quote_literal(name_key(p_tenant, word)) || ':' || place, ' '), '')::tsvector
            FROM unnest(name_words(m.sort_name)) WITH ORDINALITY AS name (word, place))
               || skilled.words || searched_words(plain.said, 'C')
               || array_to_tsvector(array(SELECT '§k' || lexeme FROM unnest(tsvector_to_array(skilled.words)) lexeme) || array(SELECT '§' || key FROM unnest(keys.facets) key)
                   || array(SELECT '§' || share_of(p_tenant, m.state, parts, hashtext(m.id::text) & (parts - 1))
                            FROM unnest(share_parts()) parts)),
           plain.said || ' ' || COALESCE(known.names, '')
    FROM unnest(p_members) wanted (id)
    JOIN memberships m ON m.tenant_id = p_tenant AND m.id = wanted.id
    CROSS JOIN LATERAL (SELECT CASE WHEN m.state = 'left' AND p_standing < 3 THEN -1 ELSE p_standing END AS standing) reader
    CROSS JOIN LATERAL (
        SELECT reader.standing >= standing_for(m.availability_audience)
               AND (m.free_days <> '{}' OR m.weekly_minutes IS NOT NULL OR m.available_from IS NOT NULL
                    OR m.available_until IS NOT NULL) AS told
    ) free
    CROSS JOIN LATERAL (
        SELECT array_agg('s' || k.skill_id::text ORDER BY s.key) AS ids, string_agg(s.name, ', ' ORDER BY s.key) AS names,
               string_agg(NULLIF(k.note, ''), ', ' ORDER BY s.key) AS notes
        FROM member_skills k
        JOIN skills s ON s.tenant_id = k.tenant_id AND s.id = k.skill_id
        WHERE k.tenant_id = p_tenant AND k.membership_id = m.id AND reader.standing >= standing_for(m.skills_audience)
    ) known
    CROSS JOIN LATERAL (SELECT searched_words(COALESCE(known.names, ''), 'B') AS words) skilled
    CROSS JOIN LATERAL (
        SELECT lower(public.unaccent(concat_ws(', ', known.notes,
            CASE WHEN reader.standing >= standing_for(m.presentation_audience) THEN m.presentation END))) AS said
    ) plain
    CROSS JOIN LATERAL (
        SELECT array_remove(ARRAY[
                   CASE WHEN reader.standing >= standing_for(m.territory_audience) THEN 't' || m.territory END,
                   CASE WHEN free.told AND m.works_remotely THEN 'remote' END,
                   CASE WHEN free.told AND COALESCE(m.weekly_minutes, 1) > 0 THEN 'free' END
               ], NULL) || COALESCE(known.ids, '{}')
               || CASE WHEN free.told THEN array(SELECT 'd' || day FROM unnest(m.free_days) day) ELSE '{}' END AS facets
    ) keys
$$;

CREATE OR REPLACE FUNCTION index_members(p_tenant uuid, p_members uuid[]) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
    WITH seen AS MATERIALIZED (SELECT * FROM members_as_seen(p_tenant, p_members, 1)), spelt AS (
        INSERT INTO member_vocabulary (tenant_id, of_name, word)
        SELECT DISTINCT p_tenant, of_name, word
        FROM (
            SELECT true AS of_name, word FROM seen, spelt_words(seen.sort_name) word
            UNION ALL
            SELECT false, word FROM seen, spelt_words(seen.said) word
        ) spelt
        ORDER BY of_name, word
        ON CONFLICT DO NOTHING
    )
    INSERT INTO member_words (tenant_id, membership_id, state, sort_name, free_from, free_until, edition, facets, words)
    SELECT p_tenant, s.membership_id, s.state, s.sort_name, s.free_from, s.free_until, member_words_edition(), s.facets, s.words
    FROM seen s
    ORDER BY s.membership_id
    ON CONFLICT (tenant_id, membership_id) DO UPDATE SET
        state = excluded.state, sort_name = excluded.sort_name, free_from = excluded.free_from,
        free_until = excluded.free_until, edition = excluded.edition, facets = excluded.facets, words = excluded.words
$$;

-- Of these words, those that no member of the cooperative bears or says any more.
CREATE OR REPLACE FUNCTION words_no_member_says(p_of_name boolean, p_words text[]) RETURNS text[]
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET client_min_messages = warning
SET enable_seqscan = off
AS $$
DECLARE
    v_tenant uuid := NULLIF(current_setting('archipel.tenant', true), '')::uuid;
    v_gone text[] := '{}';
    v_word text;
    v_asked tsquery;
BEGIN
    FOREACH v_word IN ARRAY p_words LOOP
        v_asked := CASE WHEN p_of_name THEN quote_literal(name_key(v_tenant, v_word))::tsquery ELSE searched_term(v_word) END;
        IF v_tenant IS NOT NULL AND NOT EXISTS (
            SELECT FROM member_words w WHERE w.tenant_id IS NOT DISTINCT FROM v_tenant AND w.words @@ v_asked
        ) THEN
            v_gone := v_gone || v_word;
        END IF;
    END LOOP;
    RETURN v_gone;
END
$$;

-- A word that nobody bears or says any more is forgotten, for it may have been a name.
CREATE OR REPLACE FUNCTION forget_member_words(p_tenant uuid, p_of_name boolean, p_text text) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
    DELETE FROM member_vocabulary
    WHERE tenant_id = p_tenant AND of_name = p_of_name
      AND word = ANY (words_no_member_says(p_of_name, array(SELECT spelt_words(p_text))))
$$;

CREATE OR REPLACE FUNCTION follow_member() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    PERFORM index_members(NEW.tenant_id, ARRAY[NEW.id]);
    IF OLD.sort_name <> NEW.sort_name THEN
        PERFORM forget_member_words(NEW.tenant_id, true, OLD.sort_name);
    END IF;
    IF (OLD.presentation, OLD.presentation_audience) IS DISTINCT FROM (NEW.presentation, NEW.presentation_audience) THEN
        PERFORM forget_member_words(NEW.tenant_id, false, OLD.presentation);
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION follow_members() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    PERFORM index_members(c.tenant_id, c.ids)
    FROM (SELECT tenant_id, array_agg(id ORDER BY id) AS ids FROM changed GROUP BY tenant_id) c;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION follow_member_skills() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    PERFORM index_members(c.tenant_id, c.ids)
    FROM (
        SELECT tenant_id, array_agg(DISTINCT membership_id ORDER BY membership_id) AS ids FROM changed GROUP BY tenant_id
    ) c;
    IF TG_OP <> 'INSERT' THEN
        PERFORM forget_member_words(c.tenant_id, false, c.notes)
        FROM (SELECT tenant_id, string_agg(note, ' ') AS notes FROM changed GROUP BY tenant_id) c WHERE c.notes <> '';
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER memberships_words AFTER UPDATE OF state, display_name, sort_name, territory, presentation,
    free_days, weekly_minutes, available_from, available_until, works_remotely, territory_audience, presentation_audience,
    skills_audience, availability_audience ON memberships
FOR EACH ROW EXECUTE FUNCTION follow_member();
CREATE OR REPLACE TRIGGER memberships_added AFTER INSERT ON memberships
REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION follow_members();
CREATE OR REPLACE TRIGGER member_skills_added AFTER INSERT ON member_skills
REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION follow_member_skills();
CREATE OR REPLACE TRIGGER member_skills_changed AFTER UPDATE ON member_skills
REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION follow_member_skills();
CREATE OR REPLACE TRIGGER member_skills_removed AFTER DELETE ON member_skills
REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION follow_member_skills();

-- The words that members say which begin like the one being typed, the shortest first (see words_beginning_like()), with
-- those of the few who say more to this reader.
CREATE OR REPLACE FUNCTION member_words_beginning_like(p_tenant uuid, p_word text, p_close member_words[]) RETURNS tsquery
LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
AS $$
    WITH typed AS (SELECT regexp_replace(lower(public.unaccent(p_word)), '[^a-z]', '', 'g') AS word)
    SELECT COALESCE(string_agg(DISTINCT begun.term::text, ' | '), '')::tsquery
    FROM (
        (
            SELECT searched_term(v.word) AS term
            FROM typed, member_vocabulary v
            WHERE length(typed.word) >= 3 AND v.tenant_id = p_tenant AND NOT v.of_name
              AND v.word >= typed.word AND v.word < typed.word || '{'
            ORDER BY length(v.word), v.word
            LIMIT 24
        )
        UNION ALL
        SELECT quote_literal(said.lexeme)::tsquery
        FROM typed, unnest(p_close) c, unnest(c.words) said
        WHERE length(typed.word) >= 3 AND starts_with(said.lexeme, typed.word)
    ) begun
    WHERE numnode(begun.term) > 0
$$;

-- Words of names and of skills that are spelt most like this one, each with the question that finds it.
CREATE OR REPLACE FUNCTION member_words_spelt_like(p_tenant uuid, p_word text) RETURNS TABLE (word text, asked tsquery)
LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
AS $$
    SELECT near.word, near.asked
    FROM (
        (
            SELECT v.word, quote_literal(name_key(p_tenant, v.word))::tsquery AS asked
            FROM member_vocabulary v
            WHERE v.tenant_id = p_tenant AND v.of_name AND v.word OPERATOR(public.%) p_word
            ORDER BY public.similarity(v.word, p_word) DESC, v.word
            LIMIT 40
        )
        UNION ALL
        SELECT s.word, among_skills(searched_term(s.word))
        FROM skills x, spelt_words(x.name) s (word)
        WHERE x.tenant_id = p_tenant AND public.similarity(s.word, p_word) >= 0.2
    ) near
    WHERE near.word <> p_word AND numnode(near.asked) > 0
      AND public.levenshtein(near.word, p_word) <= CASE WHEN length(p_word) < 5 THEN 1 WHEN length(p_word) < 9 THEN 2 ELSE 3 END
    ORDER BY public.levenshtein(near.word, p_word), near.word
    LIMIT 20
$$;

-- What stands in for the kept words of the few who show this reader more than they show to every member.
CREATE OR REPLACE FUNCTION members_shown_more(p_tenant uuid, p_reader uuid, p_state text) RETURNS member_words[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT COALESCE(array_agg((p_tenant, s.membership_id, s.state, s.sort_name, s.free_from, s.free_until,
        member_words_edition(), s.facets, s.words)::member_words), '{}')
    FROM (
        SELECT CASE WHEN m.id = p_reader THEN 3 ELSE 2 END AS standing, array_agg(m.id) AS ids
        FROM memberships m
        WHERE m.tenant_id = p_tenant AND m.state = p_state AND m.id IN (
                SELECT p_reader
                UNION SELECT provider_id FROM agreements WHERE tenant_id = p_tenant AND payer_id = p_reader
                UNION SELECT payer_id FROM agreements WHERE tenant_id = p_tenant AND provider_id = p_reader
            )
          AND '{me,partners}'::text[]
              && ARRAY[m.territory_audience, m.presentation_audience, m.skills_audience, m.availability_audience]::text[]
        GROUP BY 1
    ) close
    CROSS JOIN LATERAL members_as_seen(p_tenant, close.ids, close.standing) s
$$;

-- Some of those who answer, at most so many, as they come: first in the smallest share of the cooperative, or in the one
-- given, then in the one that should hold as many as are wanted.
DROP FUNCTION IF EXISTS some_members;
CREATE FUNCTION some_members(
    p_tenant uuid, p_state text, p_asked tsquery, p_free_on date, p_close member_words[], p_parts integer, p_limit integer,
    p_no_further boolean DEFAULT false, p_part integer DEFAULT 0
) RETURNS SETOF member_words
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    v_parts integer := p_parts;
    v_all tsquery;
    v_found member_words[];
    v_close uuid[] := array(SELECT c.membership_id FROM unnest(p_close) c);
BEGIN
    LOOP
        v_all := searched_keys(ARRAY[share_of(p_tenant, p_state, v_parts, p_part & (v_parts - 1))]) && p_asked;
        -- The tenant is compared in a way that no index offers: the keys have found its rows already.
        v_found := array(
            SELECT w FROM member_words w
            WHERE w.tenant_id IS NOT DISTINCT FROM p_tenant AND w.words @@ v_all AND w.membership_id <> ALL (v_close)
              AND (p_free_on IS NULL OR (COALESCE(w.free_from, p_free_on) <= p_free_on AND COALESCE(w.free_until, p_free_on) >= p_free_on))
            LIMIT p_limit
        );
        EXIT WHEN cardinality(v_found) >= p_limit OR v_parts = 1 OR p_no_further;
        v_parts := COALESCE((
            SELECT max(parts) FROM unnest(share_parts()) parts
            WHERE parts < v_parts AND cardinality(v_found)::bigint * v_parts >= p_limit::bigint * parts
        ), 1);
    END LOOP;
    RETURN QUERY SELECT * FROM unnest(v_found);
    RETURN QUERY
        SELECT * FROM unnest(p_close) c
        WHERE (numnode(p_asked) = 0 OR c.words @@ p_asked)
          AND (p_free_on IS NULL OR (COALESCE(c.free_from, p_free_on) <= p_free_on AND COALESCE(c.free_until, p_free_on) >= p_free_on));
END
$$;

-- The first of a list by name who answer, by walking it between two names: for what many answer.
DROP FUNCTION IF EXISTS walk_members;
CREATE FUNCTION walk_members(
    p_tenant uuid, p_state text, p_asked tsquery, p_free_on date, p_close member_words[], p_after_name text, p_after_id uuid,
    p_until_name text, p_limit integer
) RETURNS uuid[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    v_close uuid[] := array(SELECT c.membership_id FROM unnest(p_close) c);
BEGIN
    RETURN array(
        SELECT one.membership_id
        FROM (
            (
                SELECT w.sort_name, w.membership_id FROM member_words w
                WHERE w.tenant_id = p_tenant AND w.state = p_state AND (w.sort_name, w.membership_id) > (p_after_name, p_after_id)
                  AND w.sort_name < p_until_name AND (numnode(p_asked) = 0 OR w.words @@ p_asked) AND w.membership_id <> ALL (v_close)
                  AND (p_free_on IS NULL OR (COALESCE(w.free_from, p_free_on) <= p_free_on AND COALESCE(w.free_until, p_free_on) >= p_free_on))
                ORDER BY w.sort_name, w.membership_id
                LIMIT p_limit
            )
            UNION ALL
            SELECT c.sort_name, c.membership_id FROM unnest(p_close) c
            WHERE (c.sort_name, c.membership_id) > (p_after_name, p_after_id) AND c.sort_name < p_until_name AND (numnode(p_asked) = 0 OR c.words @@ p_asked)
              AND (p_free_on IS NULL OR (COALESCE(c.free_from, p_free_on) <= p_free_on AND COALESCE(c.free_until, p_free_on) >= p_free_on))
        ) one
        ORDER BY one.sort_name, one.membership_id
        LIMIT p_limit
    );
END
$$;

-- The first by name who answer, in whichever way is short: by the walk where a sixty-fourth of the cooperative holds many.
CREATE OR REPLACE FUNCTION first_members(
    p_tenant uuid, p_state text, p_asked tsquery, p_free_on date, p_close member_words[], p_after_name text, p_after_id uuid, p_limit integer
) RETURNS uuid[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    IF numnode(p_asked) = 0 OR (
        SELECT count(*) >= 16 FROM some_members(p_tenant, p_state, p_asked, p_free_on, '{}', 64, 16, true)
    ) THEN
        RETURN walk_members(p_tenant, p_state, p_asked, p_free_on, p_close, p_after_name, p_after_id, U&'\+10FFFD', p_limit);
    END IF;
    RETURN array(
        SELECT w.membership_id FROM some_members(p_tenant, p_state, p_asked, p_free_on, p_close, 1, 1000000) w
        WHERE (w.sort_name, w.membership_id) > (p_after_name, p_after_id)
        ORDER BY w.sort_name, w.membership_id
        LIMIT p_limit
    );
END
$$;

DROP FUNCTION IF EXISTS member_score, near_members;
-- How well each of these answers: a name before a skill before what is said elsewhere.
CREATE FUNCTION member_score(p_words tsvector, p_names tsquery[], p_skills tsquery[], p_texts tsquery[]) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT COALESCE(sum(CASE WHEN p_words @@ name THEN 8 WHEN p_words @@ skill THEN 4 WHEN p_words @@ said THEN 2 ELSE 0 END), 0)::integer
    FROM unnest(p_names, p_skills, p_texts) AS term (name, skill, said)
$$;

-- Those who say a part of what was asked, or words that are spelt like it; each listed with the words that they bear.
CREATE FUNCTION near_members(
    p_tenant uuid, p_state text, p_base tsquery, p_free_on date, p_close member_words[], p_names tsquery[], p_skills tsquery[],
    p_texts tsquery[], p_parts tsquery[], p_spelt text[], p_without uuid[], OUT near_ids uuid[], OUT near_words text[]
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    v_part tsquery;
    v_wide tsquery[] := '{}';
    v_all tsquery := '';
    v_any tsquery := '';
    v_words text[] := '{}';
    v_questions tsquery[] := '{}';
    v_alike record;
BEGIN
    PERFORM set_config('pg_trgm.similarity_threshold', '0.2', true);
    FOR i IN 1 .. cardinality(p_parts) LOOP
        v_part := p_parts[i];
        IF p_spelt[i] IS NOT NULL THEN
            FOR v_alike IN SELECT * FROM member_words_spelt_like(p_tenant, p_spelt[i]) LOOP
                v_words := array_append(v_words, v_alike.word);
                v_questions := array_append(v_questions, v_alike.asked);
                v_part := v_part || v_alike.asked;
            END LOOP;
        END IF;
        v_wide := array_append(v_wide, v_part);
        v_all := v_all && v_part;
        v_any := v_any || v_part;
    END LOOP;
    WITH found AS MATERIALIZED (
        SELECT DISTINCT ON (w.membership_id) w.membership_id, w.sort_name, w.words
        FROM (
            SELECT * FROM some_members(p_tenant, p_state, p_base && v_all, p_free_on, p_close, 64, members_counted())
            UNION ALL
            SELECT * FROM some_members(p_tenant, p_state, p_base && v_any, p_free_on, p_close, 64, members_counted())
        ) w
        WHERE w.membership_id <> ALL (p_without)
    ), listed AS MATERIALIZED (
        SELECT f.membership_id, f.words, row_number() OVER (
            ORDER BY (SELECT count(*) FROM unnest(v_wide) part WHERE f.words @@ part) DESC,
                     member_score(f.words, p_names, p_skills, p_texts) DESC, f.sort_name, f.membership_id
        ) AS place
        FROM found f
        ORDER BY place
        LIMIT 10
    )
    SELECT array(SELECT l.membership_id FROM listed l ORDER BY l.place),
           array(
               SELECT DISTINCT alike.word FROM unnest(v_words, v_questions) AS alike (word, asked), listed l
               WHERE l.words @@ alike.asked ORDER BY alike.word
           )
    INTO near_ids, near_words;
END
$$;

-- The door. Terms are what somebody typed, cut by search_words.py; filters are keys ('t22|t29': either). p_available asks
-- for the key 'free' and for the day. Lists go on after a name where no word is looked for, else at an offset; without
-- a limit it is everybody. When little says all that was asked, near_ids are those that say a part of it, or words
-- spelt alike, which near_words names.
DROP FUNCTION IF EXISTS search_members;
CREATE FUNCTION search_members(
    p_terms text[],
    p_kinds text[],
    p_filters text[],
    p_available boolean,
    p_state text,
    p_reader uuid,
    p_after_name text,
    p_after_id uuid,
    p_offset integer,
    p_limit integer,
    OUT total integer,
    OUT members integer,
    OUT needed integer,
    OUT ids uuid[],
    OUT near_ids uuid[],
    OUT near_words text[],
    OUT counts jsonb,
    OUT marked tsquery
)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET client_min_messages = warning
SET enable_seqscan = off
AS $$
DECLARE
    v_tenant uuid := NULLIF(current_setting('archipel.tenant', true), '')::uuid;
    v_today date;
    v_free_on date;
    v_close member_words[];
    v_hits member_words[];
    v_base tsquery;
    v_asked tsquery := '';
    v_name tsquery;
    v_said tsquery;
    v_names tsquery[] := '{}';
    v_skills tsquery[] := '{}';
    v_texts tsquery[] := '{}';
    v_firsts text[] := '{}';
    v_first text;
    v_parts tsquery[] := '{}';
    v_spelt text[] := '{}';
    v_none boolean;
    v_unlimited boolean := p_limit IS NULL;
    v_wanted integer;
    v_rest tsquery;
BEGIN
    total := 0;
    needed := 0;
    near_words := '{}';
    IF v_tenant IS NULL THEN
        RETURN;
    END IF;
    SELECT (now() AT TIME ZONE c.time_zone)::date INTO v_today FROM cooperatives c WHERE c.tenant_id = v_tenant;
    v_free_on := CASE WHEN p_available THEN v_today END;
    v_close := members_shown_more(v_tenant, p_reader, p_state);
    members := (
        SELECT count(*) FROM (
            SELECT FROM member_words w WHERE w.tenant_id = v_tenant AND w.state = p_state LIMIT 10001
        ) listed
    );
    v_base := searched_keys(p_filters || CASE WHEN p_available THEN '{free}'::text[] ELSE '{}' END);
    -- Words of every sentence need not be there, unless nothing else was typed and somebody is called so.
    v_none := NOT EXISTS (SELECT FROM unnest(p_terms) term WHERE numnode(searched_term(term)) > 0);
    FOR i IN 1 .. cardinality(p_terms) LOOP
        v_name := searched_name(v_tenant, p_terms[i]);
        v_said := searched_term(p_terms[i]);
        IF numnode(v_said) > 0 AND p_kinds[i] = 'last' THEN
            v_said := v_said || member_words_beginning_like(v_tenant, p_terms[i], v_close);
        END IF;
        CONTINUE WHEN numnode(v_name || v_said) = 0;
        IF p_kinds[i] = 'not' THEN
            v_base := v_base && !!(v_name || v_said);
        ELSIF numnode(v_said) > 0 OR (v_none AND EXISTS (
            SELECT FROM some_members(v_tenant, p_state, v_name, NULL, v_close, 1, 1)
        )) THEN
            needed := needed + 1;
            v_names := array_append(v_names, v_name);
            v_skills := array_append(v_skills, among_skills(v_said));
            v_texts := array_append(v_texts, v_said);
            v_firsts := array_append(v_firsts, (name_words(p_terms[i]))[1]);
            v_parts := array_append(v_parts, v_name || v_said);
            v_spelt := array_append(v_spelt, CASE WHEN p_kinds[i] IN ('word', 'last')
                THEN substring(lower(public.unaccent(p_terms[i])) FROM '^[a-z]{4,30}$') END);
            v_asked := v_asked && (v_name || v_said);
            marked := CASE WHEN numnode(v_said) = 0 THEN marked ELSE COALESCE(marked || v_said, v_said) END;
        END IF;
    END LOOP;
    v_asked := v_base && v_asked;
    v_hits := array(
        SELECT w FROM some_members(v_tenant, p_state, v_asked, v_free_on, v_close,
            CASE WHEN v_unlimited THEN 1 ELSE 64 END, CASE WHEN v_unlimited THEN 1000000 ELSE members_counted() END) w
    );
    total := CASE WHEN v_unlimited THEN cardinality(v_hits) WHEN numnode(v_asked) = 0 THEN members
        ELSE least(cardinality(v_hits), members_counted()) END;
    IF v_unlimited OR cardinality(v_hits) < members_counted() THEN
        ids := array(
            SELECT h.membership_id
            FROM unnest(v_hits) h CROSS JOIN LATERAL member_score(h.words, v_names, v_skills, v_texts) score
            WHERE needed > 0 OR (h.sort_name, h.membership_id) > (p_after_name, p_after_id)
            ORDER BY score DESC, h.sort_name, h.membership_id
            OFFSET p_offset LIMIT p_limit
        );
    ELSE
        -- Many answer: those whose name does, those whose skills do, the rest, each by name. The list by name is walked only
        -- where they stand scattered: those who begin with a name stand together, those who end with it may stand last.
        ids := '{}';
        v_wanted := p_offset + p_limit;
        v_rest := v_asked;
        v_name := (SELECT string_agg(name::text, ' | ')::tsquery FROM unnest(v_names) name WHERE numnode(name) > 0);
        v_said := (SELECT string_agg(skill::text, ' | ')::tsquery FROM unnest(v_skills) skill WHERE numnode(skill) > 0);
        IF v_name IS NOT NULL THEN
            FOREACH v_first IN ARRAY array(
                SELECT DISTINCT one FROM unnest(v_firsts) one
                WHERE one IS NOT NULL AND NOT EXISTS (SELECT FROM unnest(v_firsts) o WHERE o <> one AND starts_with(one, o))
            ) LOOP
                ids := ids || walk_members(v_tenant, p_state, v_asked && v_name, v_free_on, v_close, v_first, p_after_id,
                    v_first || U&'\+10FFFD', v_wanted - cardinality(ids));
            END LOOP;
            IF cardinality(ids) < v_wanted THEN
                ids := ids || array(
                    SELECT w.membership_id
                    FROM some_members(v_tenant, p_state, v_asked && v_name, v_free_on, v_close, 1, 1000000) w
                    WHERE w.membership_id <> ALL (ids)
                    ORDER BY w.sort_name, w.membership_id
                    LIMIT v_wanted - cardinality(ids)
                );
            END IF;
            v_rest := v_rest && !!v_name;
        END IF;
        IF v_said IS NOT NULL AND cardinality(ids) < v_wanted THEN
            ids := ids || first_members(v_tenant, p_state, v_rest && v_said, v_free_on, v_close, p_after_name, p_after_id,
                v_wanted - cardinality(ids));
            v_rest := v_rest && !!v_said;
        END IF;
        IF cardinality(ids) < v_wanted THEN
            ids := ids || first_members(v_tenant, p_state, v_rest, v_free_on, v_close, p_after_name, p_after_id,
                v_wanted - cardinality(ids));
        END IF;
        ids := ids[p_offset + 1 :];
    END IF;
    IF p_offset = 0 AND NOT v_unlimited THEN
        counts := (
            SELECT jsonb_object_agg(counted.key, counted.n)
            FROM (
                SELECT CASE WHEN key = 'free' THEN 'now' ELSE key END AS key, count(*) AS n
                FROM unnest(v_hits) h, unnest(h.facets) key
                WHERE key <> 'free' OR (COALESCE(h.free_from, v_today) <= v_today AND COALESCE(h.free_until, v_today) >= v_today)
                GROUP BY 1
            ) counted
        );
    END IF;
    IF needed > 0 AND total < 5 AND p_offset = 0 AND NOT v_unlimited THEN
        SELECT n.near_ids, n.near_words INTO near_ids, near_words
        FROM near_members(v_tenant, p_state, v_base, v_free_on, v_close, v_names, v_skills, v_texts, v_parts, v_spelt,
            array(SELECT h.membership_id FROM unnest(v_hits) h)) n;
    END IF;
END
$$;

-- Who could do a mission, of what they show to every member: near before far, and with all of its skills before some of them. Of
-- many alike it is another share of the cooperative for each mission that is weighed, so that it is not always the same ones.
CREATE OR REPLACE FUNCTION members_who_can(p_mission uuid, p_skills uuid[], p_here text, p_region text[], p_limit integer) RETURNS uuid[]
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
AS $$
DECLARE
    v_tenant uuid := NULLIF(current_setting('archipel.tenant', true), '')::uuid;
    v_all tsquery := searched_keys(array(SELECT 's' || skill FROM unnest(p_skills) skill));
    v_some tsquery := searched_keys(ARRAY[(SELECT string_agg('s' || skill, '|') FROM unnest(p_skills) skill)]);
    v_place tsquery;
    v_skilled tsquery;
    v_before tsquery := '';
    v_found uuid[] := '{}';
BEGIN
    IF v_tenant IS NULL OR cardinality(p_skills) = 0 THEN
        RETURN v_found;
    END IF;
    FOREACH v_place IN ARRAY ARRAY[searched_keys(ARRAY['t' || p_here]),
        searched_keys(ARRAY[(SELECT string_agg('t' || code, '|') FROM unnest(p_region) code)]), ''::tsquery]
    LOOP
        FOREACH v_skilled IN ARRAY ARRAY[v_all, v_some] LOOP
            EXIT WHEN cardinality(v_found) >= p_limit;
            v_found := v_found || array(
                SELECT w.membership_id
                FROM some_members(v_tenant, 'active', v_skilled && v_place && !!v_before, NULL, '{}', 64,
                    p_limit - cardinality(v_found), false, hashtext(p_mission::text)) w
            );
            v_before := v_before || (v_skilled && v_place);
        END LOOP;
    END LOOP;
    RETURN v_found;
END
$$;

DO $$
DECLARE
    subject record;
BEGIN
    -- Who may call each: 'app' what a trigger calls as whoever wrote, 'door' what stands behind the door.
    FOR subject IN
        SELECT p.oid::regprocedure AS name, p.proname IN (
                   'members_counted', 'member_words_edition', 'standing_for', 'share_parts', 'share_of', 'name_words', 'name_key',
                   'members_as_seen', 'index_members', 'words_no_member_says', 'forget_member_words', 'follow_member',
                   'follow_members', 'follow_member_skills', 'search_members', 'members_who_can'
               ) AS for_all
        FROM pg_proc p
        WHERE p.pronamespace = 'public'::regnamespace AND p.proname IN (
            'members_counted', 'member_words_edition', 'standing_for', 'share_parts', 'share_of', 'name_words', 'name_key',
            'members_as_seen', 'index_members', 'words_no_member_says', 'forget_member_words', 'follow_member',
            'follow_members', 'follow_member_skills', 'search_members', 'members_who_can', 'searched_name', 'among_skills',
            'member_words_beginning_like', 'member_words_spelt_like', 'members_shown_more', 'some_members', 'walk_members',
            'first_members', 'member_score', 'near_members'
        )
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC, app, platform', subject.name);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO door', subject.name);
        IF subject.for_all THEN
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO app, platform', subject.name);
        END IF;
    END LOOP;
END
$$;

GRANT SELECT ON cooperatives, memberships, member_skills, skills, agreements, member_words, member_vocabulary TO door;
GRANT CREATE ON SCHEMA public TO door;
ALTER FUNCTION words_no_member_says(boolean, text[]) OWNER TO door;
ALTER FUNCTION members_who_can(uuid, uuid[], text, text[], integer) OWNER TO door;
ALTER FUNCTION search_members(text[], text[], text[], boolean, text, uuid, text, uuid, integer, integer) OWNER TO door;
REVOKE CREATE ON SCHEMA public FROM door;

-- What was written before there was an index, or under an older edition of it.
GRANT INSERT, UPDATE ON member_words, member_vocabulary TO door;
SET LOCAL ROLE door;
SELECT count(index_members(late.tenant_id, late.ids))
FROM (
    SELECT m.tenant_id, array_agg(m.id ORDER BY m.id) AS ids
    FROM memberships m
    LEFT JOIN member_words w ON w.tenant_id = m.tenant_id AND w.membership_id = m.id
    WHERE w.edition IS DISTINCT FROM member_words_edition()
    GROUP BY m.tenant_id
) late;
RESET ROLE;
REVOKE INSERT, UPDATE ON member_words, member_vocabulary FROM door;
