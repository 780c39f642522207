⟦SET standard_conforming_strings = on⟧;
⟦SELECT pg_catalog.set_config('search_path', '', false)⟧;

⟦CREATE FUNCTION public.f(a integer) RETURNS integer
    LANGUAGE sql
    BEGIN ATOMIC
 SELECT
         CASE
             WHEN (f.a > 1) THEN 1
             ELSE 2
         END AS "case";
END⟧;

⟦CREATE FUNCTION public.g() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ begin return new; end $$⟧;

⟦CREATE TABLE public.t (
    a integer DEFAULT nextval('public.s;'::regclass),
    CONSTRAINT c CHECK (((a > 0) AND (a < ((10 + 1) * 2))))
)⟧;

⟦COPY public.t (a) FROM stdin⟧;
⟪1
⟫\.

⟦CREATE TRIGGER tr BEFORE INSERT ON public.t FOR EACH ROW EXECUTE FUNCTION public.g()⟧;
────
A small dump.
