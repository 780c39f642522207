--
-- Data for Name: items; Type: TABLE DATA; Schema: public; Owner: app
--

⟦COPY public.items (id, name, "from", note) FROM stdin⟧;
⟪1	it's	(	\N
2	"; $$	/*	a\tb
3	\\.	--	\\i
⟫\.


⟦SELECT pg_catalog.setval('public.items_id_seq', 3, true)⟧;
────
A COPY as pg_dump writes it, with awkward values.
