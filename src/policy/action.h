/* SPDX-License-Identifier: Apache-2.0 */
/* policy/action: what is done, and to what kind of thing, as data/ward.cedarschema has it; tests compare the two. */
#pragma once

#include "base/base.h"

/* Kinds of resources. X(id, name of the entity type, without its namespace) */
#define WARD_THINGS(X) \
	X(PATH, "Path") X(PROGRAM, "Program") X(ENDPOINT, "Endpoint") X(VARIABLE, "Variable") X(SECRET, "Secret") \
	X(ARTIFACT, "Artifact") X(TABLE, "Table") X(REGISTRY, "Registry") X(REPOSITORY, "Repository") X(TOOL, "Tool") \
	X(SANDBOX, "Sandbox") X(CAPABILITY, "Capability") X(MODE, "Mode")

enum ward_thing {
	WARD_THING_NONE = 0,
#define WARD_X(id, name) WARD_THING_##id,
	WARD_THINGS(WARD_X)
#undef WARD_X
	WARD_THING_MAX
};

/* X(id, name, kind of resource that it is usually done to) */
#define WARD_ACTIONS(X) \
	X(FS_READ, "fs.read", PATH) X(FS_WRITE, "fs.write", PATH) X(FS_EXEC, "fs.exec", PATH) \
	X(NET_CONNECT, "net.connect", ENDPOINT) X(NET_LISTEN, "net.listen", ENDPOINT) X(HTTP_REQUEST, "http.request", ENDPOINT) \
	X(PROC_EXEC, "proc.exec", PROGRAM) X(ENV_READ, "env.read", VARIABLE) X(SECRET_READ, "secret.read", SECRET) \
	X(ARTIFACT_READ, "artifact.read", ARTIFACT) X(ARTIFACT_WRITE, "artifact.write", ARTIFACT) \
	X(DB_READ, "db.read", TABLE) X(DB_WRITE, "db.write", TABLE) \
	X(REGISTRY_READ, "registry.read", REGISTRY) X(REGISTRY_WRITE, "registry.write", REGISTRY) \
	X(GIT_READ, "git.read", REPOSITORY) X(GIT_COMMIT, "git.commit", REPOSITORY) X(GIT_PUSH, "git.push", REPOSITORY) \
	X(SHELL_EXEC, "shell.exec", PROGRAM) X(TOOL_CALL, "tool.call", TOOL) X(SANDBOX_RUN, "sandbox.run", SANDBOX) \
	X(GRANT_REQUEST, "grant.request", CAPABILITY) X(MODE_ENTER, "mode.enter", MODE)

enum ward_action {
	WARD_ACT_NONE = 0,
#define WARD_X(id, name, thing) WARD_ACT_##id,
	WARD_ACTIONS(WARD_X)
#undef WARD_X
	WARD_ACT_MAX
};

const char *ward_action_name(enum ward_action a);            /* "fs.read"; "unknown" */
enum ward_thing ward_action_thing(enum ward_action a);
const char *ward_thing_name(enum ward_thing t);              /* "Path"; "unknown" */
/* NONE and WARD_E_INVALID, with the nearest name, for an unknown one. Canonical names alone: aliases are another table. */
int ward_action_parse(struct ward_str name, enum ward_action *ret, struct ward_error *err);
