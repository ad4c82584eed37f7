/*
 * key_file.h
 *		The key under which credentials are sealed, in a file outside the database.
 */
#ifndef LINECRM_KEY_FILE_H
#define LINECRM_KEY_FILE_H

#define LC_KEY_SIZE 32
#define LC_KEY_ID_SIZE 16 /* characters */

typedef struct LcKey
{
	unsigned char bytes[LC_KEY_SIZE];
	char id[LC_KEY_ID_SIZE + 1]; /* tells keys apart and says nothing about the key */
} LcKey;

/* Reads the key; throws when there is none or when others may read it. The caller wipes it, on every way out. */
extern void key_file_read(LcKey *key);

/* The same, but makes the key at the default place when nothing is there. */
extern void key_file_read_or_create(LcKey *key);

extern void key_file_wipe(LcKey *key);

#endif
