"""What the SQL of an expression may use beyond DuckDB's own functions."""

from __future__ import annotations

MACROS = r"""
CREATE OR REPLACE TEMP MACRO sp_finite(x) AS list_filter([CAST(x AS DOUBLE)], lambda v: isfinite(v))[1];
CREATE OR REPLACE TEMP MACRO sp_log1p(x) AS list_transform([x], lambda v:
    ln(1e0 + v) - ((1e0 + v - 1e0) - v) / (1e0 + v))[1];
CREATE OR REPLACE TEMP MACRO sp_round(x, scale) AS list_transform([x], lambda v:
    CASE WHEN abs(v * scale) < 4503599627370496e0 THEN (round_even(v * scale, 0) + 0e0) / scale ELSE v END)[1];
CREATE OR REPLACE TEMP MACRO sp_least(x, y) AS list_transform([{'a': x, 'b': y}], lambda v:
    CASE WHEN v.b < v.a THEN v.b WHEN v.b >= v.a THEN v.a END)[1];
CREATE OR REPLACE TEMP MACRO sp_greatest(x, y) AS list_transform([{'a': x, 'b': y}], lambda v:
    CASE WHEN v.b > v.a THEN v.b WHEN v.b <= v.a THEN v.a END)[1];
CREATE OR REPLACE TEMP MACRO sp_bucket(x, edges) AS list_transform([x], lambda v:
    CASE WHEN v IS NOT NULL THEN CAST(len(list_filter(edges, lambda e: e <= v)) AS DOUBLE) END)[1];
CREATE OR REPLACE TEMP MACRO sp_minutes(clock) AS CAST(epoch_us(CAST(clock AS TIME)) // 60000000 AS DOUBLE);
CREATE OR REPLACE TEMP MACRO sp_escaped(x) AS replace(replace(x, '\', '\\'), '|', '\|');
CREATE OR REPLACE TEMP MACRO sp_spelled(x) AS list_transform([x], lambda v:
    CASE WHEN v = floor(v) AND abs(v) < 9007199254740992e0 THEN CAST(CAST(v AS BIGINT) AS VARCHAR)
    ELSE CAST(v AS VARCHAR) END)[1];
CREATE OR REPLACE TEMP MACRO sp_wrapped(word) AS word % 18446744073709551616::UHUGEINT;
CREATE OR REPLACE TEMP MACRO sp_stirred(word, bits) AS list_transform([word], lambda v: xor(v, v >> bits))[1];
CREATE OR REPLACE TEMP MACRO sp_mix(word) AS sp_stirred(sp_wrapped(sp_stirred(sp_wrapped(sp_stirred(
    sp_wrapped(word + 11400714819323198485::UHUGEINT), 30) * 13787848793156543929::UHUGEINT), 27)
    * 10723151780598845931::UHUGEINT), 31);
CREATE OR REPLACE TEMP MACRO sp_text_word(x) AS list_transform([hex(encode(x))], lambda digits:
    CASE WHEN digits IS NOT NULL THEN sp_mix(sp_wrapped(list_reduce(
        [CAST(len(digits) // 2 AS UHUGEINT)] || list_transform(range(len(digits) // 2), lambda place:
            sp_mix(CAST(256 * place + CAST('0x' || digits[2 * place + 1:2 * place + 2] AS INTEGER) AS UHUGEINT))),
        lambda one, other: one + other))) END)[1];
CREATE OR REPLACE TEMP MACRO sp_number_word(x) AS CAST(CAST(CAST(x + 0e0 AS BIT) AS UBIGINT) AS UHUGEINT);
CREATE OR REPLACE TEMP MACRO sp_hashed(word, salt, buckets) AS
    CAST(sp_mix(sp_wrapped(word + salt)) % buckets AS DOUBLE);
CREATE OR REPLACE TEMP MACRO sp_number(j) AS list_transform([j], lambda v:
    CASE WHEN json_type(v) IN ('BIGINT', 'UBIGINT', 'HUGEINT', 'DOUBLE') THEN sp_finite(v) END)[1];
CREATE OR REPLACE TEMP MACRO sp_text(j) AS list_transform([j], lambda v:
    CASE WHEN json_type(v) = 'VARCHAR' THEN v ->> '$' END)[1];
CREATE OR REPLACE TEMP MACRO sp_bool(j) AS list_transform([j], lambda v:
    CASE WHEN json_type(v) = 'BOOLEAN' THEN CAST(v AS BOOLEAN) END)[1];
CREATE OR REPLACE TEMP MACRO sp_time(j) AS list_transform([sp_text(j)], lambda v: CASE
    WHEN regexp_full_match(v, '\d{4}-\d{2}-\d{2}') THEN TRY_CAST(v || 'T00:00:00Z' AS TIMESTAMPTZ)
    WHEN regexp_full_match(v, '.*[T ].*(Z|[+-]\d{2}(:?\d{2})?)') THEN TRY_CAST(v AS TIMESTAMPTZ) END)[1];
CREATE OR REPLACE TEMP MACRO sp_size(j) AS list_transform([j], lambda v:
    CASE WHEN json_type(v) = 'ARRAY' THEN CAST(json_array_length(v) AS DOUBLE) END)[1];
"""
"""Statements to run first in the connection that runs the SQL.

Each macro names its argument once, so that nested expressions grow no faster than they are written. sp_mix is the
finaliser of splitmix64, in 128 bits taken modulo 2**64; sp_log1p the formula of the HP-15C's handbook (W. Kahan).
"""
