CREATE LANGUAGE "Odd Language" HANDLER plpgsql_call_handler;
CREATE TRUSTED LANGUAGE other HANDLER plpgsql_call_handler INLINE plpgsql_inline_handler VALIDATOR plpgsql_validator;
REVOKE ALL ON LANGUAGE other FROM PUBLIC;
COMMENT ON LANGUAGE other IS 'the other';
CREATE ACCESS METHOD "Odd Method" TYPE INDEX HANDLER bthandler;
CREATE ACCESS METHOD rows TYPE TABLE HANDLER heap_tableam_handler;
COMMENT ON ACCESS METHOD rows IS 'rows';
CREATE FOREIGN DATA WRAPPER handled VALIDATOR postgresql_fdw_validator;
-- not written, because it may be a secret: option "Odd Key"
CREATE FOREIGN DATA WRAPPER optional OPTIONS ("Empty" '', debug 'it''s "on", really');
COMMENT ON FOREIGN DATA WRAPPER optional IS 'of nothing';
CREATE SERVER "Odd Server" FOREIGN DATA WRAPPER optional;
CREATE SERVER typed TYPE 'oracle' VERSION '1.0' FOREIGN DATA WRAPPER optional OPTIONS (host 'h, password ''x''');
GRANT ALL ON FOREIGN SERVER typed TO catalog_reader;
COMMENT ON SERVER typed IS 'far';
CREATE USER MAPPING FOR "Odd Role" SERVER "Odd Server";
CREATE USER MAPPING FOR CURRENT_USER SERVER typed;
CREATE USER MAPPING FOR PUBLIC SERVER "Odd Server" OPTIONS (username 'us');
CREATE COLLATION "Odd Schema"."Odd Collation" (PROVIDER = libc, LOCALE = 'C');
CREATE TYPE "Odd Schema"."Odd Range" AS RANGE (SUBTYPE = bigint);
CREATE TYPE app.count;
CREATE TYPE app.count (INPUT = app.count_in, OUTPUT = app.count_out, INTERNALLENGTH = 4, PASSEDBYVALUE);
GRANT ALL ON TYPE app.count TO catalog_reader WITH GRANT OPTION;
CREATE OPERATOR "Odd Schema".!~! (FUNCTION = app.turned, RIGHTARG = app.count);
COMMENT ON OPERATOR "Odd Schema".!~! (NONE, app.count) IS 'turned';
CREATE OPERATOR app.= (FUNCTION = app.is_same, LEFTARG = app.count, RIGHTARG = app.count, COMMUTATOR = OPERATOR(app.=), NEGATOR = OPERATOR(app.<>), RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES);
COMMENT ON OPERATOR app.= (app.count, app.count) IS 'the same';
CREATE OPERATOR FAMILY "Odd Schema"."Odd Class" USING hash;
CREATE OPERATOR CLASS "Odd Schema"."Odd Class"
    FOR TYPE app.count USING hash FAMILY "Odd Schema"."Odd Class" AS
    OPERATOR 1 app.=(app.count,app.count),
    FUNCTION 1 (app.count, app.count) app.hashes(app.count);
CREATE TEXT SEARCH DICTIONARY "Odd Schema"."dict, 'one'" (TEMPLATE = pg_catalog.simple, accept = 'false');
CREATE COLLATION app.mixed (PROVIDER = libc, LC_COLLATE = 'C', LC_CTYPE = 'POSIX');
CREATE COLLATION app.plain (PROVIDER = libc, LOCALE = 'C');
COMMENT ON COLLATION app.plain IS 'phone books';
CREATE TYPE app.days;
CREATE TYPE app.days AS RANGE (SUBTYPE = date, CANONICAL = app.canonical_days);
CREATE TYPE app.spoken AS RANGE (SUBTYPE = text, SUBTYPE_OPCLASS = pg_catalog.text_pattern_ops, COLLATION = "C", SUBTYPE_DIFF = app.shorter);
REVOKE ALL ON TYPE app.spoken FROM PUBLIC;
COMMENT ON TYPE app.spoken IS 'a range';
CREATE TYPE app.announced;
CREATE TYPE app.word;
CREATE TYPE app.word (INPUT = app.word_in, OUTPUT = app.word_out, INTERNALLENGTH = VARIABLE, STORAGE = extended, CATEGORY = 'W', DELIMITER = ';', COLLATABLE, PREFERRED = true, DEFAULT = 'it''s');
CREATE AGGREGATE app.adds(value numeric) (
    SFUNC = app.add,
    STYPE = numeric,
    SSPACE = 32,
    FINALFUNC = app.final,
    FINALFUNC_EXTRA,
    FINALFUNC_MODIFY = SHAREABLE,
    COMBINEFUNC = app.add,
    INITCOND = '0',
    MSFUNC = app.add,
    MINVFUNC = app.take,
    MSTYPE = numeric,
    MSSPACE = 16,
    MFINALFUNC = app.final,
    MFINALFUNC_MODIFY = READ_WRITE,
    MINITCOND = '0',
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE app.adds(numeric) IS 'adds';
CREATE AGGREGATE app.everything(*) (
    SFUNC = int8inc,
    STYPE = bigint,
    INITCOND = '0'
);
COMMENT ON AGGREGATE app.everything(*) IS 'counts';
CREATE AGGREGATE app.halfway(double precision ORDER BY double precision) (
    SFUNC = ordered_set_transition,
    STYPE = internal,
    FINALFUNC = percentile_cont_float8_final
);
CREATE AGGREGATE app.names(VARIADIC text[]) (
    SFUNC = array_cat,
    STYPE = text[]
);
CREATE AGGREGATE app.ranked(VARIADIC "any" ORDER BY VARIADIC "any") (
    SFUNC = ordered_set_transition_multi,
    STYPE = internal,
    FINALFUNC = rank_final,
    FINALFUNC_EXTRA,
    HYPOTHETICAL
);
CREATE AGGREGATE app.smallest(integer) (
    SFUNC = int4smaller,
    STYPE = integer,
    SORTOP = OPERATOR(pg_catalog.<)
);
CREATE OPERATOR app.< (FUNCTION = app.is_less, LEFTARG = app.count, RIGHTARG = app.count, RESTRICT = scalarltsel, JOIN = scalarltjoinsel);
CREATE OPERATOR app.< (FUNCTION = app.is_less, LEFTARG = app.count, RIGHTARG = integer);
CREATE OPERATOR app.<> (FUNCTION = app.is_other, LEFTARG = app.count, RIGHTARG = app.count, COMMUTATOR = OPERATOR(app.<>), NEGATOR = OPERATOR(app.=));
CREATE OPERATOR FAMILY app.boxes USING gist;
ALTER OPERATOR FAMILY app.boxes USING gist ADD
    OPERATOR 15 <->(box,point) FOR ORDER BY pg_catalog.float_ops;
CREATE OPERATOR FAMILY app.counts USING btree;
ALTER OPERATOR FAMILY app.counts USING btree ADD
    OPERATOR 1 app.<(app.count,integer),
    FUNCTION 1 (app.count, integer) app.compares(app.count,integer);
COMMENT ON OPERATOR FAMILY app.counts USING btree IS 'all of them';
CREATE OPERATOR FAMILY app.points USING gist;
CREATE OPERATOR FAMILY app.unused USING hash;
CREATE OPERATOR CLASS app.boxes
    FOR TYPE box USING gist FAMILY app.boxes AS
    OPERATOR 3 &&(box,box),
    FUNCTION 1 (box, box) gist_box_consistent(internal,box,smallint,oid,internal),
    FUNCTION 2 (box, box) gist_box_union(internal,internal),
    FUNCTION 5 (box, box) gist_box_penalty(internal,internal,internal),
    FUNCTION 6 (box, box) gist_box_picksplit(internal,internal),
    FUNCTION 7 (box, box) gist_box_same(box,box,internal),
    FUNCTION 8 (box, box) gist_box_distance(internal,box,smallint,oid,internal);
CREATE OPERATOR CLASS app.count_ops
    DEFAULT FOR TYPE app.count USING btree FAMILY app.counts AS
    OPERATOR 1 app.<(app.count,app.count),
    OPERATOR 3 app.=(app.count,app.count),
    FUNCTION 1 (app.count, app.count) app.compares(app.count,app.count);
COMMENT ON OPERATOR CLASS app.count_ops USING btree IS 'of counts';
CREATE OPERATOR CLASS app.in_family_of_server
    FOR TYPE app.count USING btree FAMILY pg_catalog.integer_ops AS
    OPERATOR 1 app.<(app.count,app.count),
    OPERATOR 3 app.=(app.count,app.count),
    FUNCTION 1 (app.count, app.count) app.compares(app.count,app.count);
CREATE OPERATOR CLASS app.points
    FOR TYPE point USING gist FAMILY app.points AS
    FUNCTION 1 (point, point) gist_point_consistent(internal,point,smallint,oid,internal),
    FUNCTION 2 (point, point) gist_box_union(internal,internal),
    FUNCTION 3 (point, point) gist_point_compress(internal),
    FUNCTION 5 (point, point) gist_box_penalty(internal,internal,internal),
    FUNCTION 6 (point, point) gist_box_picksplit(internal,internal),
    FUNCTION 7 (point, point) gist_box_same(box,box,internal),
    STORAGE box;
CREATE DEFAULT CONVERSION app.latin FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
COMMENT ON CONVERSION app.latin IS 'old';
CREATE TEXT SEARCH DICTIONARY app.english (TEMPLATE = pg_catalog.snowball, language = 'english', stopwords = 'english');
COMMENT ON TEXT SEARCH DICTIONARY app.english IS 'stems';
CREATE TEXT SEARCH CONFIGURATION app.mixed (PARSER = pg_catalog."default");
ALTER TEXT SEARCH CONFIGURATION app.mixed ADD MAPPING FOR asciiword WITH app.english, "Odd Schema"."dict, 'one'", simple;
ALTER TEXT SEARCH CONFIGURATION app.mixed ADD MAPPING FOR int, uint WITH simple;
COMMENT ON TEXT SEARCH CONFIGURATION app.mixed IS 'both';
CREATE CAST (app.count AS integer) WITHOUT FUNCTION AS ASSIGNMENT;
COMMENT ON CAST (app.count AS integer) IS 'the same bytes';
CREATE CAST (app.word AS app.count) WITH INOUT;
CREATE CAST (text AS app.count) WITH FUNCTION app.counted(text) AS IMPLICIT;
CREATE PUBLICATION everything FOR ALL TABLES WITH (publish = 'insert, truncate');
CREATE PUBLICATION nothing;
CREATE PUBLICATION several FOR TABLE app.kept, ONLY app.news, app.parts WITH (publish_via_partition_root = true);
COMMENT ON PUBLICATION several IS 'several';
CREATE PUBLICATION silent FOR TABLE ONLY app.news WITH (publish = '');
ALTER DEFAULT PRIVILEGES REVOKE ALL ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE "Odd Role" IN SCHEMA "Odd Schema" GRANT SELECT ON TABLES TO catalog_reader;
DO $$BEGIN EXECUTE format('ALTER DATABASE %I CONNECTION LIMIT 50', current_database()); END$$;
DO $x$BEGIN EXECUTE format('COMMENT ON DATABASE %I IS ''for 100%% of "shops" at $$''', current_database()); END$x$;
DO $$BEGIN EXECUTE format('ALTER DATABASE %I SET "DateStyle" TO ''ISO, DMY''', current_database()); END$$;
DO $$BEGIN EXECUTE format('ALTER DATABASE %I SET app.note TO ''it''''s, "x"''', current_database()); END$$;
DO $$BEGIN EXECUTE format('ALTER DATABASE %I SET search_path TO ''app'', ''Odd Schema'', ''$user''', current_database()); END$$;
DO $$BEGIN EXECUTE format('ALTER ROLE "Odd Role" IN DATABASE %I SET search_path TO ''''', current_database()); END$$;
DO $$BEGIN EXECUTE format('ALTER ROLE "Odd Role" IN DATABASE %I SET work_mem TO ''8MB''', current_database()); END$$;
CREATE EVENT TRIGGER "Odd Trigger" ON ddl_command_start
    EXECUTE FUNCTION app.watch();
ALTER EVENT TRIGGER "Odd Trigger" ENABLE ALWAYS;
CREATE EVENT TRIGGER stopped ON sql_drop
    EXECUTE FUNCTION app.watch();
ALTER EVENT TRIGGER stopped DISABLE;
CREATE EVENT TRIGGER watching ON ddl_command_end
    WHEN TAG IN ('CREATE TABLE', 'ALTER TABLE')
    EXECUTE FUNCTION app.watch();
COMMENT ON EVENT TRIGGER watching IS 'looks';
