-- Words as people search them: French and English at once, without accents. Applied after outbox.sql; safe to
-- apply again.
--
-- A text is indexed under both languages, and each word that somebody types is looked for under both, so that
-- nobody has to say which language they write. Nothing typed is ever read as an operator: it arrives as terms.

DO $$
DECLARE
    language record;
BEGIN
    FOR language IN
        SELECT * FROM (VALUES ('searched_fr', 'french'), ('searched_en', 'english')) AS languages (name, source)
    LOOP
        IF NOT EXISTS (
            SELECT FROM pg_ts_config WHERE cfgname = language.name AND cfgnamespace = 'public'::regnamespace
        ) THEN
            EXECUTE format('CREATE TEXT SEARCH CONFIGURATION public.%I (COPY = pg_catalog.%I)', language.name, language.source);
        END IF;
        EXECUTE format(
            'ALTER TEXT SEARCH CONFIGURATION public.%I ALTER MAPPING FOR asciiword, word, asciihword, hword,'
            ' hword_asciipart, hword_part WITH public.unaccent, pg_catalog.%I', language.name, language.source || '_stem');
    END LOOP;
END
$$;

-- A text under both languages. Hyphens part words, and the pieces of an apostrophe are words of their own.
CREATE OR REPLACE FUNCTION searched_words(p_text text, p_weight "char") RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT setweight(
        to_tsvector('public.searched_fr', translate(p_text, '-/', '  '))
        || to_tsvector('public.searched_en', translate(p_text, '-/', '  ')),
        p_weight
    )
$$;

-- One term that somebody typed: a word, or words that follow each other. Empty for a term that is only stop words of
-- either language.
CREATE OR REPLACE FUNCTION searched_term(p_term text) RETURNS tsquery
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT CASE WHEN numnode(fr) = 0 OR fr = en THEN fr WHEN numnode(en) = 0 THEN en ELSE fr || en END
    -- The list of French stop words that comes with PostgreSQL lacks the commonest of all.
    FROM regexp_replace(translate(p_term, '-/', '  '), '\mles\M', 'le', 'gi') term,
         phraseto_tsquery('public.searched_fr', term) fr,
         phraseto_tsquery('public.searched_en', term) en
$$;

-- The words that begin like the one being typed.
CREATE OR REPLACE FUNCTION searched_beginning(p_term text) RETURNS tsquery
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT CASE WHEN plain = '' OR numnode(searched_term(p_term)) = 0 THEN searched_term(p_term) ELSE
        searched_term(p_term) || to_tsquery('public.searched_fr', plain || ':*') || (plain || ':*')::tsquery
    END
    FROM regexp_replace(lower(public.unaccent(p_term)), '[^a-z0-9]', '', 'g') plain
$$;

-- Keys, each of which must be there: 'a|b' is either. They are never words, since they begin with a sign.
CREATE OR REPLACE FUNCTION searched_keys(p_keys text[]) RETURNS tsquery
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT COALESCE(string_agg(either, ' & '), '')::tsquery
    FROM unnest(p_keys) one,
         LATERAL (SELECT '(' || string_agg(quote_literal('§' || key), '|') || ')' FROM unnest(string_to_array(one, '|')) key)
             AS alternatives (either)
$$;

-- The words of a text as they are compared with what may be misspelt: whole, small, without accents.
CREATE OR REPLACE FUNCTION spelt_words(p_text text) RETURNS SETOF text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT DISTINCT word
    FROM regexp_split_to_table(lower(public.unaccent(p_text)), '[^a-z]+') word
    WHERE length(word) BETWEEN 4 AND 30
$$;

REVOKE ALL ON FUNCTION searched_words(text, "char"), searched_term(text), searched_beginning(text), searched_keys(text[]),
    spelt_words(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION searched_words(text, "char"), searched_term(text), searched_beginning(text), searched_keys(text[]),
    spelt_words(text) TO app, platform, door;
