/*
 * webhooks.c
 *		Makes signed webhooks.
 */
#include "state.h"

int
webhooks_main(int argc, char **argv)
{
	return argc > 0 && argv ? 2 : 1;
}
