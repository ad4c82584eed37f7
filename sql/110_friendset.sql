/*
 * 110_friendset.sql
 *   The type friendset: a compressed set of friend ids, 1 to 4294967295.
 *
 *   Binary form: Roaring's portable serialisation. Stored in canonical form, so equality and hash are those of the
 *   bytes. Storage external: the bytes are compressed already.
 */
CREATE TYPE linecrm.friendset;

CREATE FUNCTION linecrm_internal._friendset_in(cstring) RETURNS linecrm.friendset
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'linecrm_friendset_in';
CREATE FUNCTION linecrm_internal._friendset_out(linecrm.friendset) RETURNS cstring
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'linecrm_friendset_out';
CREATE FUNCTION linecrm_internal._friendset_recv(internal) RETURNS linecrm.friendset
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'linecrm_friendset_recv';
CREATE FUNCTION linecrm_internal._friendset_send(linecrm.friendset) RETURNS bytea
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'linecrm_friendset_send';

CREATE TYPE linecrm.friendset (
	INPUT = linecrm_internal._friendset_in,
	OUTPUT = linecrm_internal._friendset_out,
	RECEIVE = linecrm_internal._friendset_recv,
	SEND = linecrm_internal._friendset_send,
	INTERNALLENGTH = VARIABLE,
	ALIGNMENT = int4,
	STORAGE = external
);
COMMENT ON TYPE linecrm.friendset IS 'a compressed set of friend ids, written {1-500,777}';

-- set algebra
CREATE FUNCTION linecrm_internal._friendset_union(linecrm.friendset, linecrm.friendset) RETURNS linecrm.friendset
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME', 'linecrm_friendset_union';
CREATE FUNCTION linecrm_internal._friendset_intersection(linecrm.friendset, linecrm.friendset) RETURNS linecrm.friendset
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME', 'linecrm_friendset_intersection';
CREATE FUNCTION linecrm_internal._friendset_difference(linecrm.friendset, linecrm.friendset) RETURNS linecrm.friendset
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME', 'linecrm_friendset_difference';

CREATE OPERATOR linecrm.| (
	FUNCTION = linecrm_internal._friendset_union, LEFTARG = linecrm.friendset, RIGHTARG = linecrm.friendset,
	COMMUTATOR = OPERATOR(linecrm.|)
);
COMMENT ON OPERATOR linecrm.| (linecrm.friendset, linecrm.friendset) IS 'friends in either set';
CREATE OPERATOR linecrm.& (
	FUNCTION = linecrm_internal._friendset_intersection, LEFTARG = linecrm.friendset, RIGHTARG = linecrm.friendset,
	COMMUTATOR = OPERATOR(linecrm.&)
);
COMMENT ON OPERATOR linecrm.& (linecrm.friendset, linecrm.friendset) IS 'friends in both sets';
CREATE OPERATOR linecrm.- (
	FUNCTION = linecrm_internal._friendset_difference, LEFTARG = linecrm.friendset, RIGHTARG = linecrm.friendset
);
COMMENT ON OPERATOR linecrm.- (linecrm.friendset, linecrm.friendset) IS 'friends in the left set who are not in the right one';

-- comparison
CREATE FUNCTION linecrm_internal._friendset_eq(linecrm.friendset, linecrm.friendset) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'linecrm_friendset_eq';
CREATE FUNCTION linecrm_internal._friendset_ne(linecrm.friendset, linecrm.friendset) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'linecrm_friendset_ne';
CREATE FUNCTION linecrm_internal._friendset_hash(linecrm.friendset) RETURNS integer
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'linecrm_friendset_hash';
CREATE FUNCTION linecrm_internal._friendset_hash_extended(linecrm.friendset, bigint) RETURNS bigint
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'linecrm_friendset_hash_extended';
CREATE FUNCTION linecrm_internal._friendset_has(linecrm.friendset, bigint) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'linecrm_friendset_has';
CREATE FUNCTION linecrm_internal._friend_in(bigint, linecrm.friendset) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'linecrm_friend_in';
CREATE FUNCTION linecrm_internal._friendset_includes(linecrm.friendset, linecrm.friendset) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 50 AS 'MODULE_PATHNAME', 'linecrm_friendset_includes';
CREATE FUNCTION linecrm_internal._friendset_included(linecrm.friendset, linecrm.friendset) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 50 AS 'MODULE_PATHNAME', 'linecrm_friendset_included';
CREATE FUNCTION linecrm_internal._friendset_overlaps(linecrm.friendset, linecrm.friendset) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 50 AS 'MODULE_PATHNAME', 'linecrm_friendset_overlaps';

CREATE OPERATOR linecrm.= (
	FUNCTION = linecrm_internal._friendset_eq, LEFTARG = linecrm.friendset, RIGHTARG = linecrm.friendset,
	COMMUTATOR = OPERATOR(linecrm.=), NEGATOR = OPERATOR(linecrm.<>), RESTRICT = eqsel, JOIN = eqjoinsel, HASHES
);
COMMENT ON OPERATOR linecrm.= (linecrm.friendset, linecrm.friendset) IS 'the same friends';
CREATE OPERATOR linecrm.<> (
	FUNCTION = linecrm_internal._friendset_ne, LEFTARG = linecrm.friendset, RIGHTARG = linecrm.friendset,
	COMMUTATOR = OPERATOR(linecrm.<>), NEGATOR = OPERATOR(linecrm.=), RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR linecrm.<> (linecrm.friendset, linecrm.friendset) IS 'not the same friends';
CREATE OPERATOR CLASS linecrm.friendset_ops DEFAULT FOR TYPE linecrm.friendset USING hash AS
	OPERATOR 1 linecrm.= (linecrm.friendset, linecrm.friendset),
	FUNCTION 1 linecrm_internal._friendset_hash(linecrm.friendset),
	FUNCTION 2 linecrm_internal._friendset_hash_extended(linecrm.friendset, bigint);
COMMENT ON OPERATOR CLASS linecrm.friendset_ops USING hash IS 'hash of friendsets';
COMMENT ON OPERATOR FAMILY linecrm.friendset_ops USING hash IS 'hash of friendsets';

CREATE OPERATOR linecrm.@> (
	FUNCTION = linecrm_internal._friendset_has, LEFTARG = linecrm.friendset, RIGHTARG = bigint,
	COMMUTATOR = OPERATOR(linecrm.<@), RESTRICT = contsel, JOIN = contjoinsel
);
COMMENT ON OPERATOR linecrm.@> (linecrm.friendset, bigint) IS 'is the friend in the set?';
CREATE OPERATOR linecrm.<@ (
	FUNCTION = linecrm_internal._friend_in, LEFTARG = bigint, RIGHTARG = linecrm.friendset,
	COMMUTATOR = OPERATOR(linecrm.@>), RESTRICT = contsel, JOIN = contjoinsel
);
COMMENT ON OPERATOR linecrm.<@ (bigint, linecrm.friendset) IS 'is the friend in the set?';
CREATE OPERATOR linecrm.@> (
	FUNCTION = linecrm_internal._friendset_includes, LEFTARG = linecrm.friendset, RIGHTARG = linecrm.friendset,
	COMMUTATOR = OPERATOR(linecrm.<@), RESTRICT = contsel, JOIN = contjoinsel
);
COMMENT ON OPERATOR linecrm.@> (linecrm.friendset, linecrm.friendset) IS 'are all friends of the right set in the left one?';
CREATE OPERATOR linecrm.<@ (
	FUNCTION = linecrm_internal._friendset_included, LEFTARG = linecrm.friendset, RIGHTARG = linecrm.friendset,
	COMMUTATOR = OPERATOR(linecrm.@>), RESTRICT = contsel, JOIN = contjoinsel
);
COMMENT ON OPERATOR linecrm.<@ (linecrm.friendset, linecrm.friendset) IS 'are all friends of the left set in the right one?';
CREATE OPERATOR linecrm.&& (
	FUNCTION = linecrm_internal._friendset_overlaps, LEFTARG = linecrm.friendset, RIGHTARG = linecrm.friendset,
	COMMUTATOR = OPERATOR(linecrm.&&), RESTRICT = contsel, JOIN = contjoinsel
);
COMMENT ON OPERATOR linecrm.&& (linecrm.friendset, linecrm.friendset) IS 'has any friend in both sets?';

-- looking into a set
CREATE FUNCTION linecrm.cardinality(linecrm.friendset) RETURNS bigint
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'linecrm_cardinality';
COMMENT ON FUNCTION linecrm.cardinality(linecrm.friendset) IS 'how many friends are in the set';
CREATE FUNCTION linecrm.first_friend(linecrm.friendset) RETURNS bigint
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'linecrm_first_friend';
COMMENT ON FUNCTION linecrm.first_friend(linecrm.friendset) IS 'the smallest friend id of the set, NULL if it is empty';
CREATE FUNCTION linecrm.last_friend(linecrm.friendset) RETURNS bigint
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'linecrm_last_friend';
COMMENT ON FUNCTION linecrm.last_friend(linecrm.friendset) IS 'the greatest friend id of the set, NULL if it is empty';

-- from and to other types
CREATE FUNCTION linecrm.friendset(bigint[]) RETURNS linecrm.friendset
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME', 'linecrm_friendset';
COMMENT ON FUNCTION linecrm.friendset(bigint[]) IS 'the set of these friend ids, in any order';
CREATE FUNCTION linecrm_internal._friendset_to_array(linecrm.friendset) RETURNS bigint[]
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME', 'linecrm_friendset_to_array';
CREATE FUNCTION linecrm_internal._friendset_from_bytea(bytea) RETURNS linecrm.friendset
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME', 'linecrm_friendset_from_bytea';
CREATE CAST (bigint[] AS linecrm.friendset) WITH FUNCTION linecrm.friendset(bigint[]);
COMMENT ON CAST (bigint[] AS linecrm.friendset) IS 'the set of these friend ids, in any order';
CREATE CAST (linecrm.friendset AS bigint[]) WITH FUNCTION linecrm_internal._friendset_to_array(linecrm.friendset);
COMMENT ON CAST (linecrm.friendset AS bigint[]) IS 'the friend ids, ascending';
CREATE CAST (bytea AS linecrm.friendset) WITH FUNCTION linecrm_internal._friendset_from_bytea(bytea);
COMMENT ON CAST (bytea AS linecrm.friendset) IS 'from a Roaring bitmap in the portable serialisation, as other programs write it';
CREATE CAST (linecrm.friendset AS bytea) WITH FUNCTION linecrm_internal._friendset_send(linecrm.friendset);
COMMENT ON CAST (linecrm.friendset AS bytea) IS 'as a Roaring bitmap in the portable serialisation, for other programs';

-- aggregates
CREATE FUNCTION linecrm_internal._friendset_agg_add(internal, bigint) RETURNS internal
	LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'linecrm_friendset_agg_add';
CREATE FUNCTION linecrm_internal._friendset_agg_unite(internal, linecrm.friendset) RETURNS internal
	LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'linecrm_friendset_agg_unite';
CREATE FUNCTION linecrm_internal._friendset_agg_combine(internal, internal) RETURNS internal
	LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'linecrm_friendset_agg_combine';
CREATE FUNCTION linecrm_internal._friendset_agg_serial(internal) RETURNS bytea
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'linecrm_friendset_agg_serial';
CREATE FUNCTION linecrm_internal._friendset_agg_deserial(bytea, internal) RETURNS internal
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'linecrm_friendset_agg_deserial';
CREATE FUNCTION linecrm_internal._friendset_agg_final(internal) RETURNS linecrm.friendset
	LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'linecrm_friendset_agg_final';

CREATE AGGREGATE linecrm.friendset_agg(bigint) (
	SFUNC = linecrm_internal._friendset_agg_add, STYPE = internal, SSPACE = 4096,
	FINALFUNC = linecrm_internal._friendset_agg_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = linecrm_internal._friendset_agg_combine,
	SERIALFUNC = linecrm_internal._friendset_agg_serial, DESERIALFUNC = linecrm_internal._friendset_agg_deserial,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE linecrm.friendset_agg(bigint) IS 'the set of these friend ids; no rows give the empty set, NULL is nobody';
CREATE AGGREGATE linecrm.friendset_union_agg(linecrm.friendset) (
	SFUNC = linecrm_internal._friendset_agg_unite, STYPE = internal, SSPACE = 4096,
	FINALFUNC = linecrm_internal._friendset_agg_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = linecrm_internal._friendset_agg_combine,
	SERIALFUNC = linecrm_internal._friendset_agg_serial, DESERIALFUNC = linecrm_internal._friendset_agg_deserial,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE linecrm.friendset_union_agg(linecrm.friendset) IS 'friends in any of the sets; no rows give the empty set';
CREATE AGGREGATE linecrm.friendset_intersect_agg(linecrm.friendset) (
	SFUNC = linecrm_internal._friendset_intersection, STYPE = linecrm.friendset,
	COMBINEFUNC = linecrm_internal._friendset_intersection, PARALLEL = SAFE
);
COMMENT ON AGGREGATE linecrm.friendset_intersect_agg(linecrm.friendset) IS 'friends in all of the sets; no rows give NULL';

-- rows
CREATE FUNCTION linecrm_internal._friendset_rows_support(internal) RETURNS internal
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'linecrm_friendset_rows_support';
CREATE FUNCTION linecrm.friend_ids(linecrm.friendset) RETURNS SETOF bigint
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 1000 SUPPORT linecrm_internal._friendset_rows_support
	AS 'MODULE_PATHNAME', 'linecrm_friend_ids';
COMMENT ON FUNCTION linecrm.friend_ids(linecrm.friendset) IS 'the friend ids of the set, one a row, ascending';
CREATE FUNCTION linecrm.chunks(friends linecrm.friendset, size integer) RETURNS SETOF linecrm.friendset
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 100 SUPPORT linecrm_internal._friendset_rows_support
	AS 'MODULE_PATHNAME', 'linecrm_chunks';
COMMENT ON FUNCTION linecrm.chunks(linecrm.friendset, integer) IS 'the set cut into sets of up to so many friends, in ascending order';
CREATE FUNCTION linecrm.shards(friends linecrm.friendset, OUT shard integer, OUT members linecrm.friendset) RETURNS SETOF record
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 100 AS 'MODULE_PATHNAME', 'linecrm_shards';
COMMENT ON FUNCTION linecrm.shards(linecrm.friendset) IS 'the set cut at each 65536 friend ids: shard is friend_id >> 16';

-- parts
CREATE FUNCTION linecrm.slice(friends linecrm.friendset, from_rank bigint, how_many bigint) RETURNS linecrm.friendset
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME', 'linecrm_slice';
COMMENT ON FUNCTION linecrm.slice(linecrm.friendset, bigint, bigint) IS 'so many friends from a place in the ascending order on; the first has place 1';
CREATE FUNCTION linecrm.sample(friends linecrm.friendset, how_many bigint, seed text) RETURNS linecrm.friendset
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 10000 AS 'MODULE_PATHNAME', 'linecrm_sample';
COMMENT ON FUNCTION linecrm.sample(linecrm.friendset, bigint, text) IS 'so many friends drawn at random, the same ones for the same seed; a greater sample contains the smaller one';
CREATE FUNCTION linecrm.split(friends linecrm.friendset, salt text, part integer, parts integer) RETURNS linecrm.friendset
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 10000 AS 'MODULE_PATHNAME', 'linecrm_split';
COMMENT ON FUNCTION linecrm.split(linecrm.friendset, text, integer, integer) IS 'part 1 to parts of the friends, of about the same size; a friend is always in the same part for the same salt';

CREATE FUNCTION linecrm.at_least(how_many integer, sets linecrm.friendset[]) RETURNS linecrm.friendset
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 10000 AS 'MODULE_PATHNAME', 'linecrm_at_least';
COMMENT ON FUNCTION linecrm.at_least(integer, linecrm.friendset[]) IS 'friends who are in at least so many of the sets; a NULL is no set';
