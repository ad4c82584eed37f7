/*
 * call_inner.c
 *		The one way from a public function into the extension: notes who called, becomes the extension's owner, and
 *		calls linecrm_internal.<same name>(same argument types).
 *
 * Why not SECURITY DEFINER: in such a function the caller is lost (current_user is the owner, session_user may be a web
 * role that called through a shop's definer trigger), and rights are checked against the wrong one of them. Here the
 * caller is the role that was current when the public function was called, so a definer trigger of a shop counts as its
 * owner. A public function that an inner function calls keeps the original caller; a query in the gate (run_as.c) counts
 * as its author.
 *
 * Everything of the call is passed through untouched: collation, context, resultinfo (sets, composites), the call
 * expression (polymorphic and VARIADIC arguments), NULLs. Runs in any backend. The stack of callers is backend-local,
 * its frames live on the C stack, and PG_FINALLY pops them, so errors that a PL/pgSQL block catches leave it right. The
 * search_path is not changed: inner functions pin their own, and what the caller's was is kept for those that ask.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "crm/caller.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

PG_FUNCTION_INFO_V1(linecrm_call_inner);
PG_FUNCTION_INFO_V1(linecrm__caller);
PG_FUNCTION_INFO_V1(linecrm__caller_search_path);

/* What one call site keeps in fn_extra. */
typedef struct LcInner
{
	FmgrInfo function;
	Oid owner;
} LcInner;

static LcInner *find_inner(FmgrInfo *outer);
static bool skipped_for_null(LcInner *inner, FunctionCallInfo fcinfo);
static void push_caller(LcCaller *frame, Oid user, Oid function);

LcCaller *caller_top = NULL;

Datum
linecrm_call_inner(PG_FUNCTION_ARGS)
{
	LcInner *inner = fcinfo->flinfo->fn_extra;
	LOCAL_FCINFO(call, FUNC_MAX_ARGS);
	LcCaller frame;
	Oid user;
	int sec_context;
	volatile Datum result = (Datum) 0;

	if (inner == NULL)
		inner = find_inner(fcinfo->flinfo);
	if (skipped_for_null(inner, fcinfo))
		PG_RETURN_NULL();
	InitFunctionCallInfoData(*call, &inner->function, fcinfo->nargs, fcinfo->fncollation, fcinfo->context,
	                         fcinfo->resultinfo);
	memcpy(call->args, fcinfo->args, fcinfo->nargs * sizeof(NullableDatum));

	GetUserIdAndSecContext(&user, &sec_context);
	push_caller(&frame, user, fcinfo->flinfo->fn_oid);
	SetUserIdAndSecContext(inner->owner, sec_context | SECURITY_LOCAL_USERID_CHANGE);
	PG_TRY();
	{
		result = FunctionCallInvoke(call);
	}
	PG_FINALLY();
	{
		SetUserIdAndSecContext(user, sec_context);
		caller_top = frame.outer;
	}
	PG_END_TRY();

	fcinfo->isnull = call->isnull;
	return result;
}

/* linecrm_internal._caller(): the role that called the outermost public function; current_user when there is none. */
Datum
linecrm__caller(PG_FUNCTION_ARGS)
{
	Name name = palloc0(NAMEDATALEN);

	namestrcpy(name, GetUserNameFromId(caller_role(), false));
	PG_RETURN_NAME(name);
}

/* linecrm_internal._caller_search_path(): what his names meant when he called. */
Datum
linecrm__caller_search_path(PG_FUNCTION_ARGS)
{
	LcCaller *frame = caller_frame();

	PG_RETURN_TEXT_P(cstring_to_text(frame ? frame->search_path : namespace_search_path));
}

LcCaller *
caller_frame(void)
{
	return caller_top != NULL && GetUserId() == caller_extension_owner() ? caller_top : NULL;
}

Oid
caller_role(void)
{
	LcCaller *frame = caller_frame();

	return frame ? frame->role : GetUserId();
}

/* Looks up the twin of the outer function, once for each call site. */
static LcInner *
find_inner(FmgrInfo *outer)
{
	HeapTuple outer_tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(outer->fn_oid));
	HeapTuple tuple;
	LcInner *inner;

	if (!HeapTupleIsValid(outer_tuple))
		elog(ERROR, "cache lookup failed for function %u", outer->fn_oid);
	tuple = SearchSysCache3(PROCNAMEARGSNSP, NameGetDatum(&((Form_pg_proc) GETSTRUCT(outer_tuple))->proname),
	                        PointerGetDatum(&((Form_pg_proc) GETSTRUCT(outer_tuple))->proargtypes),
	                        ObjectIdGetDatum(get_namespace_oid("linecrm_internal", false)));
	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
		        (errcode(ERRCODE_UNDEFINED_FUNCTION),
		         errmsg("linecrm.%s has no inner function with the same argument types",
		                NameStr(((Form_pg_proc) GETSTRUCT(outer_tuple))->proname)),
		         errhint("The library and the extension's script differ in version: ALTER EXTENSION linecrm UPDATE.")));

	inner = MemoryContextAllocZero(outer->fn_mcxt, sizeof(LcInner));
	fmgr_info_cxt(((Form_pg_proc) GETSTRUCT(tuple))->oid, &inner->function, outer->fn_mcxt);
	fmgr_info_set_expr(outer->fn_expr, &inner->function);
	inner->owner = ((Form_pg_proc) GETSTRUCT(tuple))->proowner;
	ReleaseSysCache(tuple);
	ReleaseSysCache(outer_tuple);
	outer->fn_extra = inner;
	return inner;
}

/* A direct call does not look at STRICT, the executor does: so do we. */
static bool
skipped_for_null(LcInner *inner, FunctionCallInfo fcinfo)
{
	if (!inner->function.fn_strict)
		return false;
	for (int i = 0; i < fcinfo->nargs; i++)
	{
		if (!fcinfo->args[i].isnull)
			continue;
		if (inner->function.fn_retset && fcinfo->resultinfo != NULL)
			((ReturnSetInfo *) fcinfo->resultinfo)->isDone = ExprEndResult;
		return true;
	}
	return false;
}

static void
push_caller(LcCaller *frame, Oid user, Oid function)
{
	LcCaller *asking = caller_frame();

	frame->role = asking ? asking->role : user;
	frame->function = asking ? asking->function : function;
	frame->search_path = asking ? asking->search_path : pstrdup(namespace_search_path);
	frame->outer = caller_top;
	caller_top = frame;
}

static Oid extension_owner = InvalidOid;

static void
forget_extension_owner(Datum arg, int cacheid, uint32 hashvalue)
{
	extension_owner = InvalidOid;
}

Oid
caller_extension_owner(void)
{
	static bool registered = false;
	HeapTuple tuple;

	if (OidIsValid(extension_owner))
		return extension_owner;
	if (!registered)
	{
		CacheRegisterSyscacheCallback(NAMESPACEOID, forget_extension_owner, (Datum) 0);
		registered = true;
	}
	tuple = SearchSysCache1(NAMESPACENAME, CStringGetDatum("linecrm_internal"));
	if (!HeapTupleIsValid(tuple))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_SCHEMA), errmsg("schema linecrm_internal does not exist"),
		                errhint("CREATE EXTENSION linecrm;")));
	extension_owner = ((Form_pg_namespace) GETSTRUCT(tuple))->nspowner;
	ReleaseSysCache(tuple);
	return extension_owner;
}
