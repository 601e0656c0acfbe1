-- What the missions add to the database beside their tables. Applied last; safe to apply again.
--
-- The moves between the states of a mission, word for word as in mission_states.py: whoever asks, any other
-- move is refused. A test compares the two tables.

CREATE OR REPLACE FUNCTION mission_moves() RETURNS TABLE (before text, after text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    VALUES
        ('draft', 'open'),
        ('draft', 'withdrawn'),
        ('open', 'agreed'),
        ('open', 'withdrawn'),
        ('open', 'expired'),
        ('agreed', 'under_way'),
        ('agreed', 'delivered'),
        ('agreed', 'open'),
        ('agreed', 'expired'),
        ('under_way', 'delivered'),
        ('under_way', 'open'),
        ('under_way', 'expired'),
        ('delivered', 'settled'),
        ('delivered', 'disputed'),
        ('disputed', 'mediated'),
        ('disputed', 'settled'),
        ('expired', 'open'),
        ('expired', 'withdrawn')
$$;

CREATE OR REPLACE FUNCTION refuse_mission_move() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM mission_moves() m WHERE m.before = OLD.state AND m.after = NEW.state) THEN
        RAISE EXCEPTION 'A mission does not go from % to %.', OLD.state, NEW.state USING ERRCODE = '55000';
    END IF;
    RETURN NEW;
END
$$;

CREATE OR REPLACE TRIGGER missions_move BEFORE UPDATE OF state ON missions
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION refuse_mission_move();

-- A mission starts as a draft or open; the row and what was agreed on it stay for the record.
CREATE OR REPLACE FUNCTION refuse_mission_birth() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'A mission does not begin as %.', NEW.state USING ERRCODE = '55000';
END
$$;

CREATE OR REPLACE TRIGGER missions_begin BEFORE INSERT ON missions
    FOR EACH ROW WHEN (NEW.state NOT IN ('draft', 'open')) EXECUTE FUNCTION refuse_mission_birth();

REVOKE ALL ON FUNCTION mission_moves(), refuse_mission_move(), refuse_mission_birth() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION mission_moves() TO app, platform;

-- What was said and agreed is never deleted, and what was said to a mediator never changes.
REVOKE DELETE ON missions, skills, bids, agreements, deliveries, disputes FROM app;
REVOKE UPDATE, DELETE ON dispute_statements FROM app;
