/*
 * key_file.c
 *		The key under which credentials are sealed: where it is, who may read it, how it is made.
 *
 * The key never enters the database, so that a dump, a base backup without the file, or a reader of every table holds
 * nothing of use. It is read by the backend or worker that needs it, when it needs it, never by the postmaster (whose
 * memory every backend would inherit), and lives on the stack of the caller for the time of one operation.
 *
 * linecrm.key_file names the file; when that is empty it is linecrm.key in the data directory, and only there a missing
 * key is made, because a path that an administrator chose and that is missing is a mistake (an unmounted secret) and
 *not a first use. The form is 64 hexadecimal digits, so that it survives copying into a vault; `openssl rand -hex 32`.
 *
 * Throws on everything that is wrong, with what to do; no message ever holds a byte of the key. No locks: two backends
 * that make the key at once are decided by link(2).
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "crm/key_file.h"
#include "guc.h"
#include "miscadmin.h"
#include "storage/fd.h"

#define LC_KEY_DIGITS (LC_KEY_SIZE * 2)
#define LC_KEY_DEFAULT_NAME "linecrm.key"

static bool read_key(LcKey *key, bool missing_ok);
static void check_file(int fd, const char *path);
static bool decode_key(LcKey *key, const char *text, ssize_t length);
static int hex_value(char digit);
static void identify(LcKey *key);
static void create_key(const char *path);
static bool write_new_file(const char *path, const char *text, size_t length);
static void key_path(char *path);
static bool is_default_path(void);

void
key_file_read(LcKey *key)
{
	(void) read_key(key, false);
}

void
key_file_read_or_create(LcKey *key)
{
	char path[MAXPGPATH];

	if (read_key(key, is_default_path()))
		return;
	key_path(path);
	create_key(path);
	(void) read_key(key, false);
}

void
key_file_wipe(LcKey *key)
{
	OPENSSL_cleanse(key, sizeof(LcKey));
}

/* False only when the file is missing and may be. */
static bool
read_key(LcKey *key, bool missing_ok)
{
	char path[MAXPGPATH];
	char text[LC_KEY_DIGITS + 2];
	ssize_t length;
	int fd;
	bool good;

	key_path(path);
	fd = OpenTransientFile(path, O_RDONLY | PG_BINARY);
	if (fd < 0)
	{
		if (errno == ENOENT && missing_ok)
			return false;
		ereport(
		    ERROR,
		    (errcode_for_file_access(), errmsg("could not open the key file \"%s\" of linecrm: %m", path),
		     errdetail("Credentials are sealed under the key in this file."),
		     errhint("Put the key file back from its backup, owned by the server's user with mode 0600. If it is lost, "
		             "make a new one (openssl rand -hex 32) and set every credential again with "
		             "linecrm.set_credential().")));
	}
	check_file(fd, path);
	length = read(fd, text, sizeof(text));
	good = decode_key(key, text, length);
	OPENSSL_cleanse(text, sizeof(text));
	CloseTransientFile(fd);
	if (!good)
		ereport(ERROR,
		        (errcode(ERRCODE_CONFIG_FILE_ERROR), errmsg("the key file \"%s\" of linecrm holds no key", path),
		         errdetail("A key is %d hexadecimal digits, perhaps followed by a line feed.", LC_KEY_DIGITS),
		         errhint("Put the key file back from its backup, or make a new key with: openssl rand -hex 32")));
	identify(key);
	return true;
}

/* The file that was opened, not the name, must be ours and nobody else's to read. */
static void
check_file(int fd, const char *path)
{
	struct stat state;

	if (fstat(fd, &state) != 0)
		ereport(ERROR,
		        (errcode_for_file_access(), errmsg("could not look at the key file \"%s\" of linecrm: %m", path)));
	if (!S_ISREG(state.st_mode))
		ereport(ERROR, (errcode(ERRCODE_CONFIG_FILE_ERROR),
		                errmsg("the key file \"%s\" of linecrm is not a regular file", path)));
	if (state.st_uid != geteuid())
		ereport(ERROR, (errcode(ERRCODE_CONFIG_FILE_ERROR),
		                errmsg("the key file \"%s\" of linecrm belongs to another user than the server's", path),
		                errhint("Make the user that runs the server its owner: chown %d '%s'", (int) geteuid(), path)));
	if ((state.st_mode & 07177) != 0)
		ereport(ERROR, (errcode(ERRCODE_CONFIG_FILE_ERROR),
		                errmsg("the key file \"%s\" of linecrm is open to others: its mode is %04o", path,
		                       (unsigned int) (state.st_mode & 07777)),
		                errdetail("Only the server's user may read it."), errhint("chmod 0600 '%s'", path)));
}

static bool
decode_key(LcKey *key, const char *text, ssize_t length)
{
	if (length == LC_KEY_DIGITS + 1 && text[LC_KEY_DIGITS] == '\n')
		length = LC_KEY_DIGITS;
	if (length != LC_KEY_DIGITS)
		return false;
	for (int i = 0; i < LC_KEY_SIZE; i++)
	{
		int high = hex_value(text[2 * i]);
		int low = hex_value(text[2 * i + 1]);

		if (high < 0 || low < 0)
		{
			OPENSSL_cleanse(key->bytes, LC_KEY_SIZE);
			return false;
		}
		key->bytes[i] = (unsigned char) (high << 4 | low);
	}
	return true;
}

static int
hex_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return -1;
}

/* The key's name: the beginning of a hash over a label and the key. */
static void
identify(LcKey *key)
{
	static const char label[] = "linecrm key id";
	unsigned char input[sizeof(label) + LC_KEY_SIZE];
	unsigned char hash[SHA256_DIGEST_LENGTH];

	memcpy(input, label, sizeof(label));
	memcpy(input + sizeof(label), key->bytes, LC_KEY_SIZE);
	SHA256(input, sizeof(input), hash);
	OPENSSL_cleanse(input, sizeof(input));
	for (int i = 0; i < LC_KEY_ID_SIZE / 2; i++)
		snprintf(key->id + 2 * i, 3, "%02x", hash[i]);
}

/*
 * Written aside, synced, and linked to its name, which fails when another backend was first: then that one's key is the
 * key.
 */
static void
create_key(const char *path)
{
	char aside[MAXPGPATH];
	unsigned char random[LC_KEY_SIZE];
	char text[LC_KEY_DIGITS + 2];
	int linked = -1;

	if (!pg_strong_random(random, sizeof(random)))
		ereport(ERROR,
		        (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not draw a key for linecrm: no random numbers")));
	for (int i = 0; i < LC_KEY_SIZE; i++)
		snprintf(text + 2 * i, 3, "%02x", random[i]);
	text[LC_KEY_DIGITS] = '\n';
	OPENSSL_cleanse(random, sizeof(random));

	snprintf(aside, sizeof(aside), "%s.%d", path, MyProcPid);
	if (write_new_file(aside, text, LC_KEY_DIGITS + 1))
		linked = link(aside, path);
	OPENSSL_cleanse(text, sizeof(text));
	if (linked != 0 && errno != EEXIST)
	{
		int saved = errno;

		unlink(aside);
		errno = saved;
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not write the key file \"%s\" of linecrm: %m", path)));
	}
	unlink(aside);
	if (linked != 0)
		return;
	fsync_fname(DataDir, true);
	ereport(NOTICE, (errmsg("linecrm made the key file \"%s\"", path),
	                 errhint("Back it up apart from the database: without it no stored credential can be opened.")));
}

/* False with errno when the file could not be made durable. */
static bool
write_new_file(const char *path, const char *text, size_t length)
{
	int fd;
	bool good;
	int saved;

	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | PG_BINARY, S_IRUSR | S_IWUSR);
	if (fd < 0)
		return false;
	errno = 0;
	good = write(fd, text, length) == (ssize_t) length && pg_fsync(fd) == 0;
	saved = errno == 0 ? ENOSPC : errno;
	good = close(fd) == 0 && good;
	errno = saved;
	return good;
}

static void
key_path(char *path)
{
	if (is_default_path())
		snprintf(path, MAXPGPATH, "%s/" LC_KEY_DEFAULT_NAME, DataDir);
	else
		strlcpy(path, lc_key_file, MAXPGPATH);
}

static bool
is_default_path(void)
{
	return lc_key_file == NULL || lc_key_file[0] == '\0';
}
