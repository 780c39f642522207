--
-- PostgreSQL database dump
--

\restrict aB3dEf

⟦set client_encoding = 'UTF8'⟧;
\unrestrict aB3dEf
⟦select 2⟧;

\unrestrict aB3dEf␄
────
The lines that newer versions of pg_dump write are ignored.
