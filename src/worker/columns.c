/*
 * columns.c
 *		Rows handed to a statement as one array a column, for unnest().
 *
 * The sender speaks to the database in batches: a statement that writes a hundred results costs little more than one
 * that writes a single result. Runs inside a step of a transaction; memory is the step's. May throw when out of memory.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "worker/columns.h"

void
columns_init(LcColumns *columns, int room, const Oid *types)
{
	memset(columns, 0, sizeof(*columns));
	columns->room = Max(room, 1);
	for (int i = 0; OidIsValid(types[i]); i++)
	{
		Assert(i < LC_MAX_COLUMNS);
		columns->types[i] = types[i];
		columns->values[i] = palloc0(columns->room * sizeof(Datum));
		columns->nulls[i] = palloc(columns->room * sizeof(bool));
		columns->count++;
	}
}

/* Begins a row of NULLs. */
void
columns_add_row(LcColumns *columns)
{
	if (columns->rows == columns->room)
	{
		columns->room *= 2;
		for (int i = 0; i < columns->count; i++)
		{
			columns->values[i] = repalloc(columns->values[i], columns->room * sizeof(Datum));
			columns->nulls[i] = repalloc(columns->nulls[i], columns->room * sizeof(bool));
		}
	}
	for (int i = 0; i < columns->count; i++)
	{
		columns->values[i][columns->rows] = (Datum) 0;
		columns->nulls[i][columns->rows] = true;
	}
	columns->rows++;
}

void
columns_set(LcColumns *columns, int column, Datum value)
{
	columns->values[column][columns->rows - 1] = value;
	columns->nulls[column][columns->rows - 1] = false;
}

void
columns_set_text(LcColumns *columns, int column, const char *value)
{
	if (value != NULL)
		columns_set(columns, column, CStringGetTextDatum(value));
}

/* One array Datum a column, as arguments of a prepared statement. */
void
columns_arrays(const LcColumns *columns, Datum *arrays)
{
	int lower_bound = 1;

	for (int i = 0; i < columns->count; i++)
	{
		int16 length;
		bool by_value;
		char alignment;
		int rows = columns->rows;

		get_typlenbyvalalign(columns->types[i], &length, &by_value, &alignment);
		arrays[i] = PointerGetDatum(construct_md_array(columns->values[i], columns->nulls[i], 1, &rows, &lower_bound,
													   columns->types[i], length, by_value, alignment));
	}
}
