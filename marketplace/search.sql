-- Finding missions: what is kept of each to be found by, and the one door through which it is searched. Applied after
-- marketplace.sql; safe to apply again.
--
-- The operators of text search and of trigrams are not leakproof, so that under row-level security PostgreSQL would read
-- every row of a cooperative rather than use their indexes. search_missions() therefore runs as door, past the
-- policies, and compares the tenant with the setting by itself. It answers ids and counts, never a text: the page reads the
-- missions themselves under the policy as everywhere else.
--
-- Beside its words each mission carries keys ('§t29' its territory, '§zopen' its state...), so that words and filters are
-- one question to one index. Some of them name the cooperative and the week, the month... in which it was listed ('§o...'
-- while it is open, '§w...' always): a word that everybody uses is looked for among the newest alone, and asking costs what
-- the answer is long, not what the cooperative has gathered.

-- Counting stops here: a page says "500+" beyond.
CREATE OR REPLACE FUNCTION missions_counted() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT 500';

-- The newest of what is counted are ordered by how well they answer; older ones follow by age.
CREATE OR REPLACE FUNCTION missions_ranked() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT 250';

CREATE OR REPLACE FUNCTION week_of(p_at timestamptz) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT floor(extract(epoch FROM p_at) / 604800)::integer $$;

-- How many weeks a shelf spans; 0 is all. A shelf is one key, because many in a row would be read one by one.
CREATE OR REPLACE FUNCTION shelf_spans() RETURNS integer[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT '{1, 4, 16, 64, 0}'::integer[] $$;

-- The key of the shelf of so many weeks in which a week lies.
CREATE OR REPLACE FUNCTION shelf_of(p_shelf "char", p_tenant uuid, p_week integer, p_span integer) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT p_shelf::text || left(md5(concat_ws(':', p_tenant, p_span, p_week / NULLIF(p_span, 0))), 16) $$;

-- The question for the shelf of this span in which a week lies, and the one before it.
CREATE OR REPLACE FUNCTION shelved(p_shelf "char", p_tenant uuid, p_week integer, p_span integer) RETURNS tsquery
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT searched_keys(ARRAY[CASE WHEN p_span = 0 THEN shelf_of(p_shelf, p_tenant, 0, 0) ELSE
        shelf_of(p_shelf, p_tenant, p_week, p_span) || '|' || shelf_of(p_shelf, p_tenant, p_week - p_span, p_span)
    END])
$$;

-- Of these spans, the one that should hold as many answers as are wanted, where the last one asked held so many: what lies
-- between is not asked for, and what is said nowhere of late is looked for everywhere.
CREATE OR REPLACE FUNCTION next_span(p_span integer, p_held integer, p_wanted integer) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT COALESCE((
        SELECT span FROM unnest(shelf_spans()) span WHERE span > p_span AND p_held::bigint * span >= p_wanted::bigint * p_span ORDER BY span LIMIT 1
    ), 0)
$$;

-- The edition of what index_mission() writes: raise it when that changes, and everything is indexed anew.
CREATE OR REPLACE FUNCTION mission_words_edition() RETURNS smallint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT 2::smallint';

CREATE OR REPLACE FUNCTION index_mission(p_tenant uuid, p_mission uuid) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
    INSERT INTO mission_words AS known (tenant_id, mission_id, listed_at, published, edition, facets, words)
    SELECT m.tenant_id, m.id, listed.listed_at, m.published_at IS NOT NULL, mission_words_edition(), keys.facets,
           searched_words(m.title, 'A')
               || searched_words(concat_ws(', ', skill.names, array_to_string(m.tags, ', ')), 'B')
               || searched_words(m.description, 'C')
               || array_to_tsvector(array(SELECT '§' || key FROM unnest(keys.facets || keys.shelves) key))
    FROM missions m
    CROSS JOIN LATERAL (SELECT COALESCE(m.published_at, m.created_at) AS listed_at) listed
    CROSS JOIN LATERAL (
        SELECT array_agg('s' || s.id::text ORDER BY s.id) AS ids, string_agg(s.name, ', ' ORDER BY s.key) AS names
        FROM mission_skills l
        JOIN skills s ON s.tenant_id = l.tenant_id AND s.id = l.skill_id
        WHERE l.tenant_id = m.tenant_id AND l.mission_id = m.id
    ) skill
    CROSS JOIN LATERAL (
        SELECT ARRAY[
                   'k' || m.kind, 'p' || m.place, 't' || m.territory, 'z' || m.state, 'v' || m.visibility,
                   CASE WHEN m.estimated_minutes <= 60 THEN 'h1' WHEN m.estimated_minutes <= 180 THEN 'h2'
                        WHEN m.estimated_minutes <= 420 THEN 'h3' ELSE 'h4' END
               ] || skill.ids AS facets,
               array(
                   SELECT shelf_of(shelf, m.tenant_id, week_of(listed.listed_at), span)
                   FROM unnest(shelf_spans()) span, unnest('{w,o}'::"char"[]) shelf
                   WHERE shelf = 'w' OR m.state = 'open'
               ) AS shelves
    ) keys
    WHERE m.tenant_id = p_tenant AND m.id = p_mission
    ON CONFLICT (tenant_id, mission_id) DO UPDATE SET
        listed_at = excluded.listed_at, published = excluded.published, edition = excluded.edition,
        facets = excluded.facets, words = excluded.words
$$;

-- The words that a misspelt one is compared with: those of published missions, each once.
CREATE OR REPLACE FUNCTION spell_mission(p_tenant uuid, p_mission uuid) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
    INSERT INTO mission_vocabulary (tenant_id, word)
    SELECT m.tenant_id, word
    FROM missions m
    CROSS JOIN LATERAL spelt_words(concat_ws(' ', m.title, array_to_string(m.tags, ' '), m.description, (
        SELECT string_agg(s.name, ' ')
        FROM mission_skills l
        JOIN skills s ON s.tenant_id = l.tenant_id AND s.id = l.skill_id
        WHERE l.tenant_id = m.tenant_id AND l.mission_id = m.id
    ))) word
    WHERE m.tenant_id = p_tenant AND m.id = p_mission AND m.published_at IS NOT NULL
    ORDER BY word
    ON CONFLICT DO NOTHING
$$;

-- Of these words, those that no mission of the cooperative says any more; through the door, for whoever writes a mission would
-- read all of them for each word.
CREATE OR REPLACE FUNCTION words_no_mission_says(p_words text[]) RETURNS text[]
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
        v_asked := searched_term(v_word) && shelved('w', v_tenant, 0, 0);
        IF v_tenant IS NOT NULL AND NOT EXISTS (
            SELECT FROM mission_words w WHERE w.tenant_id IS NOT DISTINCT FROM v_tenant AND w.words @@ v_asked
        ) THEN
            v_gone := v_gone || v_word;
        END IF;
    END LOOP;
    RETURN v_gone;
END
$$;

CREATE OR REPLACE FUNCTION follow_mission() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    PERFORM index_mission(NEW.tenant_id, NEW.id);
    IF TG_OP = 'UPDATE' AND (OLD.title, OLD.description, OLD.tags) IS DISTINCT FROM (NEW.title, NEW.description, NEW.tags) THEN
        -- A word that nothing says any more is forgotten, for it may have been a name.
        DELETE FROM mission_vocabulary v
        WHERE v.tenant_id = NEW.tenant_id
          AND v.word = ANY (words_no_mission_says(array(
              SELECT spelt_words(concat_ws(' ', OLD.title, array_to_string(OLD.tags, ' '), OLD.description))
          )));
    END IF;
    IF TG_OP = 'INSERT' OR (OLD.title, OLD.description, OLD.tags, OLD.published_at)
       IS DISTINCT FROM (NEW.title, NEW.description, NEW.tags, NEW.published_at) THEN
        PERFORM spell_mission(NEW.tenant_id, NEW.id);
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER missions_words AFTER INSERT OR UPDATE OF title, description, tags, kind, place, territory, state,
    visibility, estimated_minutes, published_at ON missions
FOR EACH ROW EXECUTE FUNCTION follow_mission();

CREATE OR REPLACE FUNCTION follow_mission_skills() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    PERFORM index_mission(c.tenant_id, c.mission_id), spell_mission(c.tenant_id, c.mission_id)
    FROM (SELECT DISTINCT tenant_id, mission_id FROM changed ORDER BY mission_id) c;
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER mission_skills_added AFTER INSERT ON mission_skills
REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION follow_mission_skills();
CREATE OR REPLACE TRIGGER mission_skills_removed AFTER DELETE ON mission_skills
REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION follow_mission_skills();

-- The words of this cooperative that are spelt most like this one, the nearest first: of the same first letters and
-- length, give or take a slip or two.
CREATE OR REPLACE FUNCTION words_spelt_like(p_tenant uuid, p_word text) RETURNS SETOF text
LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
AS $$
    SELECT word
    FROM (
        SELECT v.word, public.levenshtein(v.word, typed.word) AS slips, public.similarity(v.word, typed.word) AS alike, typed.word AS typed
        FROM spelt_words(p_word) typed (word), mission_vocabulary v
        WHERE v.tenant_id = p_tenant AND v.word OPERATOR(public.%) typed.word
        ORDER BY alike DESC, v.word
        LIMIT 40
    ) near
    WHERE slips <= CASE WHEN length(typed) < 5 THEN 1 WHEN length(typed) < 9 THEN 2 ELSE 3 END
    ORDER BY slips, alike DESC, word
$$;

-- The words of this cooperative that begin like the one being typed, the shortest first. The index of words could find
-- beginnings by itself, but would read every place of each in every cooperative before the first is answered.
CREATE OR REPLACE FUNCTION words_beginning_like(p_tenant uuid, p_word text) RETURNS tsquery
LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
AS $$
    SELECT COALESCE(string_agg(DISTINCT begun.term::text, ' | '), '')::tsquery
    FROM (
        SELECT searched_term(v.word) AS term
        FROM (SELECT regexp_replace(lower(public.unaccent(p_word)), '[^a-z]', '', 'g') AS word) typed,
             mission_vocabulary v
        WHERE length(typed.word) >= 3 AND v.tenant_id = p_tenant
          AND v.word >= typed.word AND v.word < typed.word || '{'
        ORDER BY length(v.word), v.word
        LIMIT 24
    ) begun
    WHERE numnode(begun.term) > 0
$$;

-- Whoever asks, and from where a page begins; passed from the door to what gathers behind it.
DROP FUNCTION IF EXISTS gather_missions;
CREATE FUNCTION gather_missions(
    p_tenant uuid,
    p_reader uuid,
    p_own uuid[],
    p_asked tsquery,
    p_exact tsquery,
    p_parts tsquery[],
    p_shelf "char",
    p_newest boolean,
    p_before_at timestamptz,
    p_before_id uuid,
    p_without uuid[],
    p_offset integer,
    p_limit integer,
    OUT total integer,
    OUT ids uuid[],
    OUT facets jsonb,
    OUT span integer
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    v_from integer := week_of(COALESCE(p_before_at, now()));
    v_all tsquery;
    v_counted integer := CASE WHEN p_newest AND p_before_at IS NOT NULL THEN p_limit ELSE missions_counted() END;
BEGIN
    span := CASE WHEN p_own IS NULL THEN 1 ELSE 0 END;
    LOOP
        v_all := shelved(p_shelf, p_tenant, v_from, span) && p_asked;
        -- The tenant is compared in a way that no index offers: the keys have found its rows already.
        WITH hit AS MATERIALIZED (
            SELECT w.mission_id, w.listed_at, w.facets,
                   row_number() OVER (ORDER BY w.listed_at DESC, w.mission_id DESC) AS age
            FROM mission_words w
            WHERE w.tenant_id IS NOT DISTINCT FROM p_tenant AND w.words @@ v_all
              AND (w.published OR EXISTS (
                  SELECT FROM missions m WHERE m.tenant_id = p_tenant AND m.id = w.mission_id AND m.author_id = p_reader
              ))
              AND (p_own IS NULL OR w.mission_id = ANY (p_own))
              AND (p_without IS NULL OR w.mission_id <> ALL (p_without))
              AND (p_before_at IS NULL OR (w.listed_at, w.mission_id) < (p_before_at, p_before_id))
            ORDER BY w.listed_at DESC, w.mission_id DESC
            LIMIT v_counted
        ), placed AS (
            SELECT h.mission_id, row_number() OVER (
                ORDER BY (SELECT count(*) FROM unnest(p_parts) part WHERE w.words @@ part) DESC,
                         ts_rank('{0.05, 0.2, 0.6, 1}', w.words, p_exact) DESC NULLS LAST, h.age
            ) AS place
            FROM hit h
            LEFT JOIN mission_words w ON w.tenant_id = p_tenant AND w.mission_id = h.mission_id
                AND NOT p_newest AND h.age <= missions_ranked()
        )
        SELECT (SELECT count(*) FROM hit),
               (SELECT array_agg(p.mission_id ORDER BY p.place) FROM placed p
                WHERE p.place > p_offset AND p.place <= p_offset + p_limit),
               CASE WHEN p_before_at IS NULL AND p_without IS NULL THEN (
                   SELECT jsonb_object_agg(counted.key, counted.n)
                   FROM (SELECT key, count(*) AS n FROM hit, unnest(hit.facets) key GROUP BY key) counted
               ) END
        INTO total, ids, facets;
        EXIT WHEN total >= v_counted OR span = 0;
        span := next_span(span, total, v_counted);
    END LOOP;
END
$$;

-- How many missions in each state answer, among some; the states are the fourth of the facets. Those of a state alone took
-- so long a span: all of them take no longer one.
DROP FUNCTION IF EXISTS count_states;
CREATE FUNCTION count_states(p_tenant uuid, p_reader uuid, p_own uuid[], p_asked tsquery, p_span integer) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    v_states jsonb;
    v_total integer;
    v_span integer := p_span;
    v_all tsquery;
BEGIN
    LOOP
        v_all := shelved('w', p_tenant, week_of(now()), v_span) && p_asked;
        SELECT jsonb_object_agg(counted.state, counted.n), sum(counted.n) INTO v_states, v_total
        FROM (
            SELECT hit.state, count(*) AS n
            FROM (
                SELECT w.facets[4] AS state
                FROM mission_words w
                WHERE w.tenant_id IS NOT DISTINCT FROM p_tenant AND w.words @@ v_all
                  AND (w.published OR EXISTS (
                      SELECT FROM missions m WHERE m.tenant_id = p_tenant AND m.id = w.mission_id AND m.author_id = p_reader
                  ))
                  AND (p_own IS NULL OR w.mission_id = ANY (p_own))
                LIMIT missions_counted()
            ) hit
            GROUP BY hit.state
        ) counted;
        EXIT WHEN v_total >= missions_counted() OR v_span = 0;
        v_span := next_span(v_span, v_total, missions_counted());
    END LOOP;
    RETURN v_states;
END
$$;

-- The door. Terms are what somebody typed, cut by search_words.py into 'word', 'last' (being typed), 'phrase' and 'not';
-- filters are keys ('t22|t29': either). Without a reader, the open missions that are public. When little says all that was
-- asked, near_ids are those that say a part of it, or words that are spelt alike, which near_words names.
DROP FUNCTION IF EXISTS search_missions;
CREATE FUNCTION search_missions(
    p_terms text[],
    p_kinds text[],
    p_filters text[],
    p_state text,
    p_reader uuid,
    p_mine boolean,
    p_newest boolean,
    p_before_at timestamptz,
    p_before_id uuid,
    p_offset integer,
    p_limit integer,
    OUT total integer,
    OUT ids uuid[],
    OUT near_ids uuid[],
    OUT near_words text[],
    OUT facets jsonb,
    OUT states jsonb,
    OUT marked tsquery,
    OUT idle boolean
)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET client_min_messages = warning
SET enable_seqscan = off
AS $$
DECLARE
    v_tenant uuid := NULLIF(current_setting('archipel.tenant', true), '')::uuid;
    v_shelf "char" := CASE WHEN p_reader IS NULL OR p_state = 'open' THEN 'o' ELSE 'w' END;
    v_here tsquery;
    v_any tsquery;
    v_own uuid[];
    v_asked tsquery := '';
    v_exact tsquery := '';
    v_not tsquery := '';
    v_wide tsquery := '';
    v_one tsquery;
    v_part tsquery;
    v_parts tsquery[];
    v_span integer;
    v_alike text;
    v_word text;
BEGIN
    total := 0;
    idle := cardinality(p_terms) > 0;
    IF v_tenant IS NULL THEN
        RETURN;
    END IF;
    IF p_mine AND p_reader IS NOT NULL THEN
        v_shelf := 'w';
        v_own := array(
            SELECT m.id FROM missions m WHERE m.tenant_id = v_tenant AND m.author_id = p_reader
            UNION
            SELECT b.mission_id FROM bids b
            WHERE b.tenant_id = v_tenant AND b.bidder_id = p_reader AND b.state IN ('live', 'accepted')
        );
    END IF;
    v_any := searched_keys(p_filters || CASE WHEN p_reader IS NULL THEN '{vpublic}'::text[] ELSE '{}' END);
    v_here := v_any && searched_keys(CASE WHEN v_shelf = 'w' AND p_state <> '' THEN ARRAY['z' || p_state] ELSE '{}' END);
    FOR i IN 1 .. cardinality(p_terms) LOOP
        v_one := searched_term(p_terms[i]);
        IF numnode(v_one) = 0 THEN
            CONTINUE;
        END IF;
        idle := false;
        IF p_kinds[i] = 'not' THEN
            v_not := v_not && !!v_one;
        ELSE
            v_exact := v_exact && v_one;
            v_part := CASE WHEN p_kinds[i] = 'last' THEN v_one || words_beginning_like(v_tenant, p_terms[i])
                ELSE v_one END;
            v_asked := v_asked && v_part;
            marked := COALESCE(marked || v_part, v_part);
        END IF;
    END LOOP;
    SELECT g.total, g.ids, g.facets, g.span INTO total, ids, facets, v_span
    FROM gather_missions(v_tenant, p_reader, v_own, v_asked && v_not && v_here, v_exact, NULL, v_shelf,
        p_newest OR numnode(v_exact) = 0, p_before_at, p_before_id, NULL, p_offset, p_limit) g;
    IF p_reader IS NOT NULL AND p_before_at IS NULL AND p_offset = 0 THEN
        states := count_states(v_tenant, p_reader, v_own, v_asked && v_not && v_any, v_span);
    END IF;
    IF total >= 5 OR numnode(v_asked) = 0 OR p_offset > 0 OR p_before_at IS NOT NULL THEN
        RETURN;
    END IF;
    -- Little was found: each word by itself, and what is spelt like those that nothing says.
    PERFORM set_config('pg_trgm.similarity_threshold', '0.25', true);
    near_words := '{}';
    v_parts := '{}';
    FOR i IN 1 .. cardinality(p_terms) LOOP
        CONTINUE WHEN p_kinds[i] = 'not';
        FOR v_word IN SELECT regexp_split_to_table(p_terms[i], '[[:space:]/-]+') LOOP
            v_one := searched_term(v_word);
            CONTINUE WHEN numnode(v_one) = 0;
            v_part := v_one;
            IF NOT EXISTS (
                SELECT FROM mission_words w
                WHERE w.tenant_id = v_tenant AND w.published
                  AND w.words @@ (v_one && shelved('w', v_tenant, 0, 0))
            ) THEN
                FOR v_alike IN
                    SELECT alike FROM words_spelt_like(v_tenant, v_word) alike
                    -- Only words that this reader's own answer holds are told.
                    WHERE EXISTS (
                        SELECT FROM mission_words w
                        WHERE w.tenant_id = v_tenant AND w.published
                          AND (v_own IS NULL OR w.mission_id = ANY (v_own))
                          AND w.words @@ (
                              searched_term(alike) && v_not && v_here && shelved(v_shelf, v_tenant, 0, 0)
                          )
                    )
                    LIMIT 3
                LOOP
                    near_words := near_words || v_alike;
                    v_part := v_part || searched_term(v_alike);
                END LOOP;
            END IF;
            v_wide := v_wide || v_part;
            v_parts := v_parts || v_part;
        END LOOP;
    END LOOP;
    IF numnode(v_wide) > 0 AND (cardinality(near_words) > 0 OR cardinality(v_parts) > 1) THEN
        marked := marked || v_wide;
        near_ids := (
            SELECT g.ids
            FROM gather_missions(v_tenant, p_reader, v_own, v_wide && v_not && v_here, v_wide, v_parts, v_shelf, false,
                NULL, NULL, COALESCE(ids, '{}'), 0, p_limit) g
        );
    END IF;
END
$$;

-- What an open mission must hold to answer a search that is kept.
CREATE OR REPLACE FUNCTION wanted_missions(p_terms text[], p_kinds text[], p_filters text[]) RETURNS tsquery
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET client_min_messages = warning
AS $$
DECLARE
    v_wanted tsquery := searched_keys(p_filters || '{zopen}'::text[]);
    v_one tsquery;
BEGIN
    FOR i IN 1 .. cardinality(p_terms) LOOP
        v_one := CASE p_kinds[i] WHEN 'last' THEN searched_beginning(p_terms[i]) ELSE searched_term(p_terms[i]) END;
        CONTINUE WHEN numnode(v_one) = 0;
        v_wanted := v_wanted && CASE p_kinds[i] WHEN 'not' THEN !!v_one ELSE v_one END;
    END LOOP;
    RETURN v_wanted;
END
$$;

DO $$
DECLARE
    subject text;
BEGIN
    FOREACH subject IN ARRAY ARRAY[
        'wanted_missions(text[], text[], text[])', 'missions_counted()', 'missions_ranked()', 'week_of(timestamptz)', 'shelf_spans()',
        'shelf_of("char", uuid, integer, integer)', 'shelved("char", uuid, integer, integer)', 'count_states(uuid, uuid, uuid[], tsquery, integer)', 'next_span(integer, integer, integer)',
        'mission_words_edition()',
        'index_mission(uuid, uuid)', 'spell_mission(uuid, uuid)', 'follow_mission()', 'follow_mission_skills()',
        'words_no_mission_says(text[])', 'words_spelt_like(uuid, text)', 'words_beginning_like(uuid, text)',
        'gather_missions(uuid, uuid, uuid[], tsquery, tsquery, tsquery[], "char", boolean, timestamptz, uuid, uuid[], integer, integer)',
        'search_missions(text[], text[], text[], text, uuid, boolean, boolean, timestamptz, uuid, integer, integer)'
    ] LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', subject);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO app, platform, door', subject);
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION
    words_spelt_like(uuid, text),
    words_beginning_like(uuid, text),
    count_states(uuid, uuid, uuid[], tsquery, integer),
    gather_missions(uuid, uuid, uuid[], tsquery, tsquery, tsquery[], "char", boolean, timestamptz, uuid, uuid[], integer, integer)
FROM app, platform;

GRANT SELECT ON missions, skills, mission_skills, bids, mission_words, mission_vocabulary TO door;
GRANT CREATE ON SCHEMA public TO door;
ALTER FUNCTION search_missions(text[], text[], text[], text, uuid, boolean, boolean, timestamptz, uuid, integer, integer)
    OWNER TO door;
ALTER FUNCTION words_no_mission_says(text[]) OWNER TO door;
REVOKE CREATE ON SCHEMA public FROM door;

-- What was written before there was an index, or under an older edition of it.
GRANT INSERT, UPDATE ON mission_words, mission_vocabulary TO door;
SET LOCAL ROLE door;
SELECT count(index_mission(m.tenant_id, m.id)), count(spell_mission(m.tenant_id, m.id))
FROM missions m
LEFT JOIN mission_words w ON w.tenant_id = m.tenant_id AND w.mission_id = m.id
WHERE w.edition IS DISTINCT FROM mission_words_edition();
RESET ROLE;
REVOKE INSERT, UPDATE ON mission_words, mission_vocabulary FROM door;
