/*
 * columns.h
 *		Rows handed to a statement as one array a column, for unnest().
 */
#ifndef LINECRM_COLUMNS_H
#define LINECRM_COLUMNS_H

#define LC_MAX_COLUMNS 16

typedef struct LcColumns
{
	int count; /* columns */
	int rows;
	int room;
	Oid types[LC_MAX_COLUMNS]; /* of the elements */
	Datum *values[LC_MAX_COLUMNS];
	bool *nulls[LC_MAX_COLUMNS];
} LcColumns;

/* In the current memory context. types: elements' types, InvalidOid ends the list. */
extern void columns_init(LcColumns *columns, int room, const Oid *types);
extern void columns_add_row(LcColumns *columns);
extern void columns_set(LcColumns *columns, int column, Datum value);
extern void columns_set_text(LcColumns *columns, int column, const char *value); /* NULL: null */
extern void columns_arrays(const LcColumns *columns, Datum *arrays);

#endif
