# Sourced by test/run, demo/run and bench/run: a private copy of PostgreSQL, so that an installed server and its
# libraries are never touched, and an unprivileged user to run it as (initdb refuses root).
#
#   private_setup DIR    copies PostgreSQL, this tree and the built extension into DIR; sets the variables below
#   as_user CMD...       runs CMD as the unprivileged user; as_user_background LOG CMD... leaves it running
#
# PG_BIN     directory of the private binaries
# PGXS_TEST  directory with pg_regress, isolationtester and the Perl modules
# TREE       the copy of this source tree, owned by the unprivileged user

PG_MAJOR=${PG_MAJOR:-15}

private_setup() {
	PRIVATE=$1
	local lib=/usr/lib/postgresql/$PG_MAJOR share=/usr/share/postgresql/$PG_MAJOR
	if [ ! -x "$PRIVATE/pg$lib/bin/postgres" ]; then
		mkdir -p "$PRIVATE/pg$lib" "$PRIVATE/pg$share"
		cp -a "$lib/." "$PRIVATE/pg$lib/"
		cp -aL "$share/." "$PRIVATE/pg$share/"
	fi
	PG_BIN=$PRIVATE/pg$lib/bin
	PGXS_TEST=$PRIVATE/pg$lib/lib/pgxs/src/test
	TREE=$PRIVATE/tree
	make -s -j2 all PG_CONFIG="$lib/bin/pg_config" || return 1
	make -s install PG_CONFIG="$PG_BIN/pg_config" >/dev/null || return 1
	rm -rf "$TREE"
	mkdir -p "$TREE"
	tar -cf - --exclude=./.git --exclude=./.dev . | tar -xf - -C "$TREE"
	if [ "$(id -u)" -eq 0 ]; then
		chmod 755 "$PRIVATE"
		chown -R postgres: "$PRIVATE"
	fi
	export PG_BIN PGXS_TEST TREE PATH="$PG_BIN:$PATH"
}

as_user() {
	if [ "$(id -u)" -eq 0 ]; then
		runuser -u postgres -- env HOME="$PRIVATE" PATH="$PATH" LC_ALL=C.UTF-8 "$@"
	else
		env LC_ALL=C.UTF-8 "$@"
	fi
}

# as_user_background LOG CMD...: the same without waiting; BACKGROUND_PID is the program itself, so that killing it works
as_user_background() {
	local log=$1
	shift
	if [ "$(id -u)" -eq 0 ]; then
		(exec setpriv --reuid=postgres --regid=postgres --init-groups env HOME="$PRIVATE" PATH="$PATH" LC_ALL=C.UTF-8 "$@") > "$log" 2>&1 &
	else
		(exec env LC_ALL=C.UTF-8 "$@") > "$log" 2>&1 &
	fi
	BACKGROUND_PID=$!
}

free_port() {
	perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1")->sockport'
}
